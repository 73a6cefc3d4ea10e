"""A backbone of five convolutions: copy this file, and backbone/tiny.yaml, into the folder you work in."""

from torch import Tensor, nn

from yolograft.model.features import Scale, pyramid
from yolograft.upstream.model import Conv


class Tiny(nn.Module):
    """Five convolutions: a template, from no paper; yours names its paper and reference implementation here.

    Args:
        scale: Depth and width.
        base: Half the channels of P3, before scaling.

    Attributes:
        features: P3, P4, P5.
    """

    def __init__(self, scale: Scale, *, base: int = 64) -> None:
        super().__init__()
        c3, c4, c5 = (scale.channels(base * f) for f in (2, 4, 8))
        self.stem = nn.Sequential(Conv(3, c3, 3, 2), Conv(c3, c3, 3, 2), Conv(c3, c3, 3, 2))
        self.p4, self.p5 = Conv(c3, c4, 3, 2), Conv(c4, c5, 3, 2)
        self.features = pyramid([c3, c4, c5])

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images [B, 3, H, W] to [P3, P4, P5]."""
        p3 = self.stem(image)
        p4 = self.p4(p3)
        return [p3, p4, self.p5(p4)]
