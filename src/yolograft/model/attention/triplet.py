"""Triplet attention.

Source: Misra et al., "Rotate to Attend: Convolutional Triplet Attention Module", WACV 2021 (arXiv:2010.03045).
"""

import torch
from torch import Tensor, nn

from yolograft.model.attention.options import require_odd


class Triplet(nn.Module):
    """y = (x · g(x; H, W) + x · g(x; C, W) + x · g(x; H, C)) / 3: weights over each pair of the map's three axes.

    g pools the third axis to its maximum and mean, and gives sigmoid(BN(w ∗ [max, mean])) (eq. 2 to 4).

    Args:
        channels: Not used; every attention is built the same way.
        kernel: Of the three convolutions w; odd.

    Raises:
        ValueError: The kernel is not odd.
    """

    def __init__(self, channels: int, *, kernel: int = 7) -> None:
        super().__init__()
        require_odd(kernel)
        self.hw = _Gate(1, kernel)
        self.cw = _Gate(2, kernel)
        self.hc = _Gate(3, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        return x * ((self.hw(x) + self.cw(x) + self.hc(x)) / 3)


class _Gate(nn.Module):
    """Weights over two axes of a map, from the maximum and the mean over the third.

    Args:
        pooled: The third axis.
        kernel: Of the convolution.
    """

    def __init__(self, pooled: int, kernel: int) -> None:
        super().__init__()
        self.pooled = pooled
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same with the pooled axis of length 1."""
        pair = torch.stack((x.amax(self.pooled), x.mean(self.pooled)), dim=1)
        return self.bn(self.conv(pair)).sigmoid().squeeze(1).unsqueeze(self.pooled)
