"""YOLOv10's neck."""

from torch import nn

from yolograft.model.blocks.cib import block
from yolograft.model.features import Scale
from yolograft.model.necks.conv import ConvNeck
from yolograft.upstream.model import Conv, SCDown


class YOLOv10Neck(ConvNeck):
    """The PAN-FPN of ultralytics' `yolov10n.yaml` to `yolov10x.yaml` (layers 11 to 22)."""

    def block_at(self, place: str, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return a C2f without shortcuts, or a C2fCIB."""
        return block(place, c1, c2, 3, scale, shortcut=False)

    def downsample_at(self, place: str, channels: int) -> nn.Module:
        """Return a convolution, to P5 and P6 one of 1×1 and a depth-wise one of stride 2 (SCDown)."""
        return SCDown(channels, channels, 3, 2) if place in ("down_p5", "down_p6") else Conv(channels, channels, 3, 2)
