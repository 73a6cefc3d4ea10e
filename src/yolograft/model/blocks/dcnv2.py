"""Deformable convolution with modulation.

Source: Zhu et al., "Deformable ConvNets v2: More Deformable, Better Results", CVPR 2019 (arXiv:1811.11168), equation 1;
torchvision's operator.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class DCNv2(nn.Module):
    """y(p) = Σ_k w_k · x(p + p_k + Δp_k) · Δm_k, with batch normalisation and SiLU behind it.

    A 3×3 convolution predicts the offsets Δp and the logits of Δm; it starts at zero: no offset, Δm = 0.5.

    Args:
        c1: Input channels.
        c2: Output channels.
        kernel: Side of the kernel; odd.
    """

    def __init__(self, c1: int, c2: int, kernel: int = 3) -> None:
        from torchvision.ops import DeformConv2d  # only where there is one: it takes seconds to import

        super().__init__()
        self.kernel = kernel
        self.predict = nn.Conv2d(c1, 3 * kernel**2, 3, padding=1)
        nn.init.zeros_(self.predict.weight)
        nn.init.zeros_(self.predict.bias)  # type: ignore[arg-type]  # it has one
        self.conv = DeformConv2d(c1, c2, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(c2)
        self.act = nn.SiLU()

    def uncounted_macs(self, out: Tensor) -> int:
        """Return the multiplications of the deformed convolution, without those of sampling."""
        return out.numel() * self.conv.weight[0].numel()

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        offset, logits = self.predict(x).split((2 * self.kernel**2, self.kernel**2), dim=1)
        # torchvision's operator has no form in ONNX: there the same is said by operators of opset 16.
        convolve = self.sampled if torch.onnx.is_in_onnx_export() else self._deformed
        return self.act(self.bn(convolve(x, offset, logits.sigmoid())))

    def _deformed(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        from torchvision.ops import deform_conv2d

        # In fp32, for the places' sake. The operator reads memory that is not its own where an offset is no number.
        weight, places = self.conv.weight.float(), offset.float().nan_to_num()
        out = deform_conv2d(x.float(), places, weight, padding=self.kernel // 2, mask=mask.float())
        return out.to(x.dtype)

    def sampled(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        """Return what torchvision's operator does, by bilinear sampling: [B, c2, H, W].

        Args:
            x: [B, c1, H, W].
            offset: [B, 2k², H, W], down and right for each place of the kernel, pixels.
            mask: [B, k², H, W].
        """
        height, width = x.shape[2:]
        offset = offset.float().unflatten(1, (self.kernel**2, 2))
        reach = torch.arange(self.kernel, device=x.device, dtype=offset.dtype) - self.kernel // 2
        rows = torch.arange(height, device=x.device, dtype=offset.dtype)[:, None] + offset[:, :, 0]
        columns = torch.arange(width, device=x.device, dtype=offset.dtype) + offset[:, :, 1]
        rows = rows + reach.repeat_interleave(self.kernel)[:, None, None]
        columns = columns + reach.repeat(self.kernel)[:, None, None]
        # Pixel centres are whole numbers here; outside is zero. The k² samples stand below each other: [B, k²H, W, 2].
        places = torch.stack(((2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1), dim=-1).flatten(1, 2)
        taken = functional.grid_sample(x.float(), places, mode="bilinear", padding_mode="zeros", align_corners=False)
        taken = taken.to(x.dtype).unflatten(2, (self.kernel**2, height)) * mask.unsqueeze(1)
        return torch.einsum("ock,bckhw->bohw", self.conv.weight.flatten(2), taken)
