"""Levels beyond the network's own: backbones of published classifiers end at stride 32."""

from collections.abc import Sequence

from torch import Tensor, nn

from yolograft.common.levels import STRIDES
from yolograft.model.features import Scale
from yolograft.upstream.model import Conv, initialize_weights

_LAST_STRIDE = 32


def own_levels(levels: Sequence[str]) -> list[str]:
    """Return those of a pyramid's levels that a classifier has itself: P5 and finer."""
    return [level for level in levels if STRIDES[level] <= _LAST_STRIDE]


class Coarser(nn.Module):
    """P6 from P5 by a 3×3 convolution of stride 2, where P6 is asked for.

    Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, footnote 2: P6 is made by such a
    convolution on the network's last map. Here with batch normalisation and activation, and as wide as YOLO's P6.

    Args:
        scale: Width and levels.
        channels: Channels of the network's last map.

    Attributes:
        channels: Channels of the added levels.
    """

    def __init__(self, scale: Scale, channels: int) -> None:
        super().__init__()
        own = own_levels(scale.levels)
        self.channels = [scale.level_channels(level) for level in scale.levels if level not in own]
        self.convs = nn.ModuleList()
        for added in self.channels:
            self.convs.append(Conv(channels, added, 3, 2))
            channels = added
        initialize_weights(self)  # the detector leaves out the backbones that keep their own normalisation

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps and those of the added levels."""
        for conv in self.convs:
            maps = [*maps, conv(maps[-1])]
        return maps
