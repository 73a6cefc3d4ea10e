"""YOLOv8's own backbone."""

from torch import nn

from yolograft.model.backbones.csp import CSPBackbone
from yolograft.model.features import Scale
from yolograft.upstream.model import C2f


class YOLOv8(CSPBackbone):
    """Layers 0 to 8 of ultralytics' `yolov8.yaml`; SPPF, its layer 9, is the context."""

    widths = ((128, 128), (256, 256), (512, 512), (1024, 1024))

    def stage(self, level: int, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return a C2f with shortcuts; the two stages in the middle are twice as deep."""
        return C2f(c1, c2, scale.repeats(6 if level in (3, 4) else 3), shortcut=True)
