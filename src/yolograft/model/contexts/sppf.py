"""Spatial pyramid pooling alone, without attention."""

from collections.abc import Sequence

from torch import Tensor, nn

from yolograft.model.features import Feature, Scale, pyramid, require_pyramid
from yolograft.upstream.model import new_sppf


class SPPFOnly(nn.Module):
    """SPPF on P5, as in YOLOv8.

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
        super().__init__()
        require_pyramid(features)
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"needs an odd kernel, not {kernel}")
        p3, p4, p5 = (feature.channels for feature in features)
        width = scale.channels(1024)
        self.sppf = self.pooling(p5, width, kernel)
        self.features = pyramid((p3, p4, width))

    def pooling(self, c1: int, c2: int, kernel: int) -> nn.Module:
        """Return the SPPF, from `c1` channels to `c2`."""
        return new_sppf(c1, c2, kernel)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map [P3, P4, P5] to the same with P5 pooled at several sizes."""
        p3, p4, p5 = maps
        return [p3, p4, self.sppf(p5)]
