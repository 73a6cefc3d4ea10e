"""RT-DETR's context: self-attention among the cells of the last level."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from yolograft.model.features import Feature, Scale, require_pyramid
from yolograft.upstream.model import AIFI, Conv


class AIFIOnly(nn.Module):
    """A 1×1 convolution, then one layer of a transformer over the cells with positions as sines and cosines.

    Source: Zhao et al., "DETRs Beat YOLOs on Real-time Object Detection", CVPR 2024 (arXiv:2304.08069), eq. 2;
    ultralytics' block. Its cost grows with the square of the number of cells.

    Args:
        features: The backbone's levels.
        scale: Depth, width and levels.
        heads: Heads of the attention.
        expansion: Channels of the layer's hidden linear map for each one of its width.

    Attributes:
        features: The same levels, the last with the channels that it has behind YOLO's neck (P5 1024, scaled).

    Raises:
        ValueError: The features are not those levels, or their width cannot be divided among heads and positions.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale, *, heads: int = 8, expansion: int = 4) -> None:
        super().__init__()
        require_pyramid(features, scale.levels)
        last = features[-1]
        width = scale.level_channels(last.name)
        if heads < 1 or expansion < 1 or width % heads or width % 4:
            raise ValueError(f"needs heads that divide {width} channels and an expansion, not {heads} and {expansion}")
        self.project = Conv(last.channels, width, 1)
        self.aifi = AIFI(width, expansion * width, heads)
        self.features = (*features[:-1], replace(last, channels=width))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps, the last one with every cell knowing of all others."""
        return [*maps[:-1], self.aifi(self.project(maps[-1]))]
