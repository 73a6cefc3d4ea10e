"""YOLO11's own backbone."""

from torch import Tensor, nn

from yolograft.model.features import Scale, pyramid
from yolograft.upstream.model import C3k2, Conv


class YOLO11(nn.Module):
    """Layers 0 to 8 of ultralytics' `yolo11.yaml`; SPPF and C2PSA, its layers 9 and 10, are the context.

    For P6 it goes on with a convolution of stride 2 and one more stage, and P5 is narrower, as in ultralytics'
    `yolo26-p6.yaml`, whose backbone is this one. It ends with the last level: without P5, `down5` and `stage5` are not
    built.

    Args:
        scale: Depth, width and levels.

    Attributes:
        features: The levels.
    """

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        c2, c4, c8, c16, c32 = (scale.channels(c) for c in (64, 128, 256, 512, 1024))
        p5 = scale.level_channels("P5")
        n = scale.repeats(2)
        self.levels = scale.levels
        # In stock's order: the same seed then gives the same weights.
        self.stem = Conv(3, c2, 3, 2)
        self.down2 = Conv(c2, c4, 3, 2)
        self.stage2 = C3k2(c4, c8, n, scale.c3k, e=0.25)
        self.down3 = Conv(c8, c8, 3, 2)
        self.stage3 = C3k2(c8, c16, n, scale.c3k, e=0.25)
        if self._reaches("P4"):
            self.down4 = Conv(c16, c16, 3, 2)
            self.stage4 = C3k2(c16, c16, n, c3k=True)
        if self._reaches("P5"):
            self.down5 = Conv(c16, p5, 3, 2)
            self.stage5 = C3k2(p5, p5, n, c3k=True)
        if self._reaches("P6"):
            self.down6 = Conv(p5, c32, 3, 2)
            self.stage6 = C3k2(c32, c32, n, c3k=True)
        channels = {"P2": c8, "P3": c16, "P4": c16, "P5": p5, "P6": c32}
        self.features = pyramid([channels[level] for level in scale.levels], scale.levels)

    def _reaches(self, level: str) -> bool:
        return level <= self.levels[-1]

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images [B, 3, H, W] to the levels."""
        maps = {"P2": self.stage2(self.down2(self.stem(image)))}
        maps["P3"] = self.stage3(self.down3(maps["P2"]))
        if self._reaches("P4"):
            maps["P4"] = self.stage4(self.down4(maps["P3"]))
        if self._reaches("P5"):
            maps["P5"] = self.stage5(self.down5(maps["P4"]))
        if self._reaches("P6"):
            maps["P6"] = self.stage6(self.down6(maps["P5"]))
        return [maps[level] for level in self.levels]
