"""YOLOv10's own backbone."""

from typing import Literal

from torch import nn

from yolograft.model.backbones.csp import CSPBackbone
from yolograft.model.blocks.cib import block, places_of
from yolograft.model.features import Scale
from yolograft.upstream.model import Conv, SCDown

Stages = list[Literal["stage2", "stage3", "stage4", "stage5", "stage6"]] | None


class YOLOv10(CSPBackbone):
    """Layers 0 to 8 of ultralytics' `yolov10n.yaml` to `yolov10x.yaml`; SPPF and PSA, their 9 and 10, are the context.

    Args:
        scale: Depth and width.
        cib: Stages with compact inverted blocks (C2fCIB) in place of C2f; None: those of ultralytics at this scale.

    Raises:
        ValueError: `cib` is not given at a scale that ultralytics does not have.
    """

    widths = ((128, 128), (256, 256), (512, 512), (1024, 1024))

    def __init__(self, scale: Scale, *, cib: Stages = None) -> None:
        self._cib = places_of(scale, cib)
        super().__init__(scale)

    def stage(self, level: int, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return a C2f or C2fCIB with shortcuts; the two stages in the middle are twice as deep."""
        repeats = 6 if level in (3, 4) else 3
        return block(c1, c2, repeats, scale, cib=f"stage{level}" in self._cib, shortcut=True)

    def downsample(self, level: int, c1: int, c2: int) -> nn.Module:
        """Return a convolution, from stage 4 on one of 1×1 and a depth-wise one of stride 2 (SCDown)."""
        return Conv(c1, c2, 3, 2) if level < 4 else SCDown(c1, c2, 3, 2)
