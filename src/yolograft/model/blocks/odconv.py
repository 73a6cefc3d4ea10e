"""ODConv: a convolution whose kernel is mixed from several, by attention along all four of its dimensions.

Source: Li et al., "Omni-Dimensional Dynamic Convolution", ICLR 2022 (arXiv:2209.07947), equation 2 and section 3.2.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ODConv(nn.Module):
    """y = Σ_i (α_wi ⊙ α_f ⊙ α_c ⊙ α_s ⊙ W_i) * x, with batch normalisation and SiLU behind it.

    All attentions come from the average of the map. As in the authors' code the kernels share those over places,
    input and output channels; softmax is over the kernels, the others are sigmoids.

    α_c and α_s weigh what the kernel takes (its patches), α_f what it gives: so the kernel itself depends on the image
    only through α_w, no group convolution over the batch is needed, and any batch size can be exported.

    Args:
        c1: Input channels.
        c2: Output channels.
        kernel: Side of the kernel; odd.
        kernels: Number of kernels that are mixed.
        reduction: Factor by which the attention's hidden layer is narrower than the input; it has 16 channels at least.
    """

    def __init__(self, c1: int, c2: int, kernel: int = 3, kernels: int = 4, reduction: int = 16) -> None:
        super().__init__()
        self.kernel = kernel
        hidden = max(c1 // reduction, 16)
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(c1, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()
        )
        self.of_input = nn.Conv2d(hidden, c1, 1)
        self.of_output = nn.Conv2d(hidden, c2, 1)
        self.of_place = nn.Conv2d(hidden, kernel**2, 1)
        self.of_kernel = nn.Conv2d(hidden, kernels, 1)
        self.weight = nn.Parameter(torch.empty(kernels, c2, c1 * kernel**2))
        nn.init.normal_(self.weight, std=(2 / (c2 * kernel**2)) ** 0.5)  # as He et al., over what it gives
        self.bn = nn.BatchNorm2d(c2)
        self.act = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        seen = self.squeeze(x)
        mix = self.of_kernel(seen).flatten(1).softmax(dim=1)
        weight = torch.einsum("bn,nok->bok", mix, self.weight.to(mix.dtype))
        patches = functional.unfold(x * self.of_input(seen).sigmoid(), self.kernel, padding=self.kernel // 2)
        places = self.of_place(seen).sigmoid().flatten(1)[:, None, :, None]
        patches = (patches.unflatten(1, (x.shape[1], self.kernel**2)) * places).flatten(1, 2)
        out = torch.matmul(weight, patches).unflatten(2, (x.shape[2], x.shape[3]))
        return self.act(self.bn(out * self.of_output(seen).sigmoid()))
