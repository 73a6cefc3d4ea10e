"""YOLO11's own backbone."""

from torch import Tensor, nn

from yolograft.model.features import Scale, pyramid
from yolograft.upstream.model import C3k2, Conv


class YOLO11(nn.Module):
    """Layers 0 to 8 of ultralytics' `yolo11.yaml`; SPPF and C2PSA, its layers 9 and 10, are the context.

    Args:
        scale: Depth and width.

    Attributes:
        features: P3, P4, P5.
    """

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        c2, c4, c8, c16, c32 = (scale.channels(c) for c in (64, 128, 256, 512, 1024))
        n = scale.repeats(2)
        # In stock's order: the same seed then gives the same weights.
        self.stem = Conv(3, c2, 3, 2)
        self.down2 = Conv(c2, c4, 3, 2)
        self.stage2 = C3k2(c4, c8, n, scale.c3k, e=0.25)
        self.down3 = Conv(c8, c8, 3, 2)
        self.stage3 = C3k2(c8, c16, n, scale.c3k, e=0.25)
        self.down4 = Conv(c16, c16, 3, 2)
        self.stage4 = C3k2(c16, c16, n, c3k=True)
        self.down5 = Conv(c16, c32, 3, 2)
        self.stage5 = C3k2(c32, c32, n, c3k=True)
        self.features = pyramid((c16, c16, c32))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images [B, 3, H, W] to [P3, P4, P5]."""
        p3 = self.stage3(self.down3(self.stage2(self.down2(self.stem(image)))))
        p4 = self.stage4(self.down4(p3))
        return [p3, p4, self.stage5(self.down5(p4))]
