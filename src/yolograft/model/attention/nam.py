"""Normalisation-based attention.

Source: Liu et al., "NAM: Normalization-based Attention Module", NeurIPS Workshops 2021 (arXiv:2111.12419).
"""

from torch import Tensor, nn


class NAM(nn.Module):
    """y = x · sigmoid(γ / Σ|γ| · BN(x)): channels whose normalisation has learned a large scale γ weigh more (eq. 2).

    Args:
        channels: Of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        scale = self.bn.weight.abs()
        return x * (self.bn(x) * (scale / scale.sum()).view(1, -1, 1, 1)).sigmoid()
