"""The dynamic head before YOLO11's.

Source: Dai et al., "Dynamic Head: Unifying Object Detection Heads with Attentions", CVPR 2021 (arXiv:2106.08322).
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from yolograft.model.blocks.dyhead import DyHeadBlock
from yolograft.model.features import Feature
from yolograft.model.heads.derived import DerivedDetect
from yolograft.upstream.model import Conv


class DyHead(DerivedDetect):
    """A 1×1 convolution per level to one width, then dynamic blocks, then `Detect`.

    Args:
        features: The neck's levels; their strides become the head's.
        nc: Number of classes.
        blocks: Number of dynamic blocks; the paper has 6.
        hidden: Their width; None: that of the finest level.

    Raises:
        ValueError: There is no class to detect, or a number is below 1.
    """

    def __init__(self, features: Sequence[Feature], nc: int, *, blocks: int = 2, hidden: int | None = None) -> None:
        width = features[0].channels if hidden is None else hidden
        if blocks < 1 or width < 1:
            raise ValueError(f"needs blocks and hidden of at least 1, not {blocks} and {width}")
        super().__init__(features, nc, [width] * len(features))
        self.project = nn.ModuleList(Conv(feature.channels, width, 1) for feature in features)
        self.blocks = nn.Sequential(*(DyHeadBlock(width) for _ in range(blocks)))

    def forward(self, x: list[Tensor]) -> Any:
        """Map the levels to what `Detect` answers."""
        return super().forward(self.blocks([project(m) for project, m in zip(self.project, x, strict=True)]))
