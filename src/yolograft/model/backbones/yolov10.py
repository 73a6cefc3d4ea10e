"""YOLOv10's own backbone."""

from torch import nn

from yolograft.model.backbones.csp import CSPBackbone
from yolograft.model.blocks.cib import block
from yolograft.model.features import Scale
from yolograft.upstream.model import SCDown


class YOLOv10(CSPBackbone):
    """Layers 0 to 8 of ultralytics' `yolov10n.yaml` and the others; SPPF and PSA, their 9 and 10, are the context."""

    widths = ((128, 128), (256, 256), (512, 512), (1024, 1024))

    def stage(self, level: int, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return a C2f with shortcuts or a C2fCIB; the two stages in the middle are twice as deep."""
        return block(f"stage{level}", c1, c2, 6 if level in (3, 4) else 3, scale, shortcut=True)

    def downsample(self, level: int, c1: int, c2: int) -> nn.Module:
        """Return a convolution, from stage 4 on one of 1×1 and a depth-wise one of stride 2 (SCDown); or GSConv."""
        if level < 4 or self.conv != "conv":
            return super().downsample(level, c1, c2)
        return SCDown(c1, c2, 3, 2)
