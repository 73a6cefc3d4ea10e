"""YOLO11's own backbone."""

from torch import nn

from yolograft.model.backbones.csp import CSPBackbone
from yolograft.model.features import Scale
from yolograft.upstream.model import C3k2


class YOLO11(CSPBackbone):
    """Layers 0 to 8 of ultralytics' `yolo11.yaml`; SPPF and C2PSA, its layers 9 and 10, are the context."""

    widths = ((128, 256), (256, 512), (512, 512), (1024, 1024))

    def stage(self, level: int, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return a C3k2; the first two are narrow inside, the last two have C3k at every scale."""
        n = scale.repeats(2)
        return C3k2(c1, c2, n, scale.c3k, e=0.25) if level < 4 else C3k2(c1, c2, n, c3k=True)
