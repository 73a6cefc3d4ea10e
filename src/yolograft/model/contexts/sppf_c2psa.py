"""YOLO11's context: spatial pyramid pooling, then position-sensitive attention."""

from collections.abc import Sequence

from torch import Tensor

from yolograft.model.contexts.sppf import SPPFOnly
from yolograft.model.features import Feature, Scale
from yolograft.upstream.model import C2PSA


class SPPFC2PSA(SPPFOnly):
    """SPPF and C2PSA on P5: layers 9 and 10 of ultralytics' `yolo11.yaml`.

    Args:
        features: The backbone's P3, P4, P5.
        scale: Depth and width.
        kernel: Kernel of the pooling; odd.
        repeats: Attention blocks at full depth.

    Attributes:
        features: The same levels, P5 with `scale.channels(1024)` channels.

    Raises:
        ValueError: The features are not P3, P4, P5, or the kernel is not odd.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale, *, kernel: int = 5, repeats: int = 2) -> None:
        super().__init__(features, scale, kernel=kernel)
        width = self.features[-1].channels
        self.psa = C2PSA(width, width, scale.repeats(repeats))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map [P3, P4, P5] to the same with P5 put into context."""
        *finer, pooled = super().forward(maps)
        return [*finer, self.psa(pooled)]
