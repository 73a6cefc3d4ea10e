"""YOLOv10's context: spatial pyramid pooling, then one block of position-sensitive attention."""

from collections.abc import Sequence

from torch import Tensor

from yolograft.model.contexts.sppf import SPPFOnly
from yolograft.model.features import Feature, Scale
from yolograft.upstream.model import PSA


class SPPFPSA(SPPFOnly):
    """SPPF and PSA on the last level: layers 9 and 10 of ultralytics' `yolov10n.yaml`.

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
        super().__init__(features, scale, kernel=kernel)
        width = self.features[-1].channels
        self.psa = PSA(width, width)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps, the last one put into context."""
        *finer, pooled = super().forward(maps)
        return [*finer, self.psa(pooled)]
