"""AFPN: levels join one after the other, the finest first, so that neighbours meet before distant ones do.

Source: Yang et al., "AFPN: Asymptotic Feature Pyramid Network for Object Detection", 2023 (arXiv:2306.15988), section
3; resampling and widths as in the authors' code.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from yolograft.model.blocks.asff_fusion import ASFFFusion
from yolograft.model.features import Feature, Scale, pyramid, require_pyramid
from yolograft.upstream.model import Bottleneck, Conv


class Stage(nn.Module):
    """Every level takes all of them, resampled and weighed at each place (ASFF), and passes residual blocks.

    Args:
        widths: Channels of the levels that have joined, the finest first.
        n: Residual blocks of each level.
    """

    def __init__(self, widths: Sequence[int], n: int) -> None:
        super().__init__()
        count = len(widths)
        self.resample = nn.ModuleList(
            nn.ModuleList(self._resampled(source, target, widths) for source in range(count)) for target in range(count)
        )
        self.fuse = nn.ModuleList(ASFFFusion([width] * count, width) for width in widths)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(Bottleneck(width, width, e=1.0) for _ in range(n))) for width in widths
        )

    @staticmethod
    def _resampled(source: int, target: int, widths: Sequence[int]) -> nn.Module:
        """Return what brings one level to the sides and the width of another."""
        factor = 2 ** abs(target - source)
        if source < target:
            return Conv(widths[source], widths[target], factor, factor, 0)
        if source > target:
            up = nn.Upsample(scale_factor=factor, mode="bilinear")
            return nn.Sequential(Conv(widths[source], widths[target], 1), up)
        return nn.Identity()

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the levels that have joined to the same shapes."""
        fused = []
        layers: Any
        for fuse, layers in zip(self.fuse, self.resample, strict=True):
            fused.append(fuse([layer(m) for layer, m in zip(layers, maps, strict=True)]))
        return [block(m) for block, m in zip(self.blocks, fused, strict=True)]


class AFPN(nn.Module):
    """An asymptotic pyramid: P3 and P4 are fused, then P5 joins, and so on; 1×1 convolutions before and behind.

    Args:
        features: The levels from the context.
        scale: Depth, width and levels.
        factor: By how much narrower than its input a level is inside.
        repeats: Residual blocks of each level and stage, at full depth.

    Attributes:
        features: The levels as the head gets them, as wide as behind YOLO's neck.

    Raises:
        ValueError: The features are not the levels that were asked for, or a number is below 1.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale, *, factor: int = 4, repeats: int = 4) -> None:
        super().__init__()
        require_pyramid(features, scale.levels)
        if factor < 1 or repeats < 1:
            raise ValueError(f"needs factor and repeats above 0, not {factor} and {repeats}")
        inside = [max(feature.channels // factor, 8) for feature in features]
        widths = [scale.level_channels(feature.name) for feature in features]
        self.reduce = nn.ModuleList(Conv(f.channels, c, 1) for f, c in zip(features, inside, strict=True))
        self.stages = nn.ModuleList(
            Stage(inside[:joined], scale.repeats(repeats)) for joined in range(2, len(inside) + 1)
        )
        self.expand = nn.ModuleList(Conv(c1, c2, 1) for c1, c2 in zip(inside, widths, strict=True))
        self.features = pyramid(widths, scale.levels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the levels, the finest first, to as many fused maps at the same strides."""
        first, *waiting = (reduce(m) for reduce, m in zip(self.reduce, maps, strict=True))
        joined = [first]
        for stage, new in zip(self.stages, waiting, strict=True):
            joined = stage([*joined, new])
        return [expand(m) for expand, m in zip(self.expand, joined, strict=True)]
