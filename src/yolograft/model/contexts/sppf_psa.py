"""YOLOv10's context: spatial pyramid pooling, then one block of position-sensitive attention."""

from collections.abc import Sequence

from torch import Tensor

from yolograft.model.contexts.sppf import SPPFOnly
from yolograft.model.features import Feature, Scale
from yolograft.upstream.model import PSA


class SPPFPSA(SPPFOnly):
    """SPPF and PSA on P5: layers 9 and 10 of ultralytics' `yolov10n.yaml`.

    Args:
        features: The backbone's P3, P4, P5.
        scale: Depth and width.
        kernel: Kernel of the pooling; odd.

    Attributes:
        features: The same levels, P5 with `scale.channels(1024)` channels.

    Raises:
        ValueError: The features are not P3, P4, P5, or the kernel is not odd.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale, *, kernel: int = 5) -> None:
        super().__init__(features, scale, kernel=kernel)
        width = self.features[-1].channels
        self.psa = PSA(width, width)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map [P3, P4, P5] to the same with P5 put into context."""
        *finer, pooled = super().forward(maps)
        return [*finer, self.psa(pooled)]
