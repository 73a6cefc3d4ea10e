"""Adaptively spatial feature fusion before YOLO11's head.

Source: Liu et al., "Learning Spatial Fusion for Single-Shot Object Detection", 2019 (arXiv:1911.09516).
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from yolograft.model.blocks.asff_fusion import ASFFFusion
from yolograft.model.features import Feature
from yolograft.model.heads.derived import DerivedDetect
from yolograft.upstream.model import Conv


class ASFF(DerivedDetect):
    """Each level becomes a sum of all levels, weighted at each place; then `Detect`.

    y_l = F Σ_j α_j ⊙ R_{j→l} x_j (eq. 1): R resizes as section 3.1 has it (a 1×1 convolution and repetition to enlarge;
    a 3×3 convolution of stride 2, before it a maximum for each further halving, to reduce), F is a 3×3 convolution.

    Args:
        features: The neck's levels; their strides become the head's.
        nc: Number of classes.

    Raises:
        ValueError: There is no class to detect.
    """

    def __init__(self, features: Sequence[Feature], nc: int) -> None:
        super().__init__(features, nc)
        self.fusions = nn.ModuleList(_Level(features, feature) for feature in features)

    def forward(self, x: list[Tensor]) -> Any:
        """Map the levels to what `Detect` answers."""
        return super().forward([level(x) for level in self.fusions])


class _Level(nn.Module):
    """All levels as one of them.

    Args:
        features: All levels.
        own: The one.
    """

    def __init__(self, features: Sequence[Feature], own: Feature) -> None:
        super().__init__()
        self.resize = nn.ModuleList(_resize(feature, own) for feature in features)
        self.fuse = ASFFFusion([own.channels] * len(features), own.channels)
        self.expand = Conv(own.channels, own.channels, 3)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map all levels to this one: [B, C, H, W]."""
        return self.expand(self.fuse([resize(m) for resize, m in zip(self.resize, maps, strict=True)]))


def _resize(one: Feature, other: Feature) -> nn.Module:
    """Return the layers that give one level the channels and the size of another."""
    if one == other:
        return nn.Identity()
    if one.stride > other.stride:
        enlarge = nn.Upsample(scale_factor=one.stride // other.stride, mode="nearest")
        return nn.Sequential(Conv(one.channels, other.channels, 1), enlarge)
    halvings = (other.stride // one.stride).bit_length() - 1
    pools = (nn.MaxPool2d(3, 2, 1) for _ in range(halvings - 1))
    return nn.Sequential(*pools, Conv(one.channels, other.channels, 3, 2))
