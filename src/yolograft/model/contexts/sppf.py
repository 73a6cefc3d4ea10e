"""Spatial pyramid pooling alone, without attention."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from yolograft.model.features import Feature, Scale, require_pyramid
from yolograft.upstream.model import new_sppf


class SPPFOnly(nn.Module):
    """SPPF on the last level, as in YOLOv8.

    Args:
        features: The backbone's levels.
        scale: Depth, width and levels.
        kernel: Kernel of the pooling; odd.

    Attributes:
        features: The same levels, the last with the channels that it has behind YOLO's neck (P5 1024, scaled).

    Raises:
        ValueError: The features are not those levels, or the kernel is not odd.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale, *, kernel: int = 5) -> None:
        super().__init__()
        require_pyramid(features, scale.levels)
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"needs an odd kernel, not {kernel}")
        last = features[-1]
        width = scale.level_channels(last.name)
        self.sppf = self.pooling(last, width, kernel)
        self.features = (*features[:-1], replace(last, channels=width))

    def pooling(self, level: Feature, c2: int, kernel: int) -> nn.Module:
        """Return the SPPF of a level, from its channels to `c2`."""
        return new_sppf(level.channels, c2, kernel)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps, the last one pooled at several sizes."""
        return [*maps[:-1], self.sppf(maps[-1])]
