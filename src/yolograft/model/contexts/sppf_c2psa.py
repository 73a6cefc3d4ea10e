"""YOLO11's context: spatial pyramid pooling, then position-sensitive attention."""

from collections.abc import Sequence

from torch import Tensor

from yolograft.model.contexts.sppf import SPPFOnly
from yolograft.model.features import Feature, Scale
from yolograft.upstream.model import C2PSA


class SPPFC2PSA(SPPFOnly):
    """SPPF and C2PSA on the last level: layers 9 and 10 of ultralytics' `yolo11.yaml`.

    Args:
        features: The backbone's levels.
        scale: Depth, width and levels.
        kernel: Kernel of the pooling; odd.
        repeats: Attention blocks at full depth.

    Attributes:
        features: The same levels, the last with the channels that it has behind YOLO's neck (P5 1024, scaled).

    Raises:
        ValueError: The features are not those levels, or the kernel is not odd.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale, *, kernel: int = 5, repeats: int = 2) -> None:
        super().__init__(features, scale, kernel=kernel)
        width = self.features[-1].channels
        self.psa = C2PSA(width, width, scale.repeats(repeats))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps, the last one put into context."""
        *finer, pooled = super().forward(maps)
        return [*finer, self.psa(pooled)]
