"""CARAFE: up-sampling by a kernel that the content of each place predicts.

Source: Wang et al., "CARAFE: Content-Aware ReAssembly of FEatures", ICCV 2019 (arXiv:1905.02188), section 3.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class CARAFE(nn.Module):
    """Double a map's sides: each new pixel is a weighted sum of the k×k pixels around the one that it lies in.

    The weights of the four new pixels in a cell come from a 1×1 and a 3×3 convolution and are normalised by softmax
    over the k² places: x'[2i+p, 2j+q] = Σ_(n,m) W_(pq)[n, m] x[i+n, j+m] (equations 2 to 4).

    Args:
        channels: Channels of the map.
        kernel: k, the side of the neighbourhood.
        hidden: Channels that the weights are predicted from.
    """

    def __init__(self, channels: int, kernel: int = 5, hidden: int = 64) -> None:
        super().__init__()
        self.kernel = kernel
        self.compress = nn.Conv2d(channels, hidden, 1)
        self.encode = nn.Conv2d(hidden, 4 * kernel**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, C, 2H, 2W]."""
        height, width = x.shape[2:]
        weights = self.encode(self.compress(x)).unflatten(1, (self.kernel**2, 4)).softmax(dim=1)
        around = functional.unfold(x, self.kernel, padding=self.kernel // 2)
        around = around.unflatten(1, (x.shape[1], self.kernel**2)).unflatten(3, (height, width))
        return functional.pixel_shuffle(torch.einsum("bckhw,bkphw->bcphw", around, weights).flatten(1, 2), 2)
