"""YOLOv8's neck."""

from torch import nn

from yolograft.model.features import Scale
from yolograft.model.necks.conv import ConvNeck
from yolograft.upstream.model import C2f


class YOLOv8Neck(ConvNeck):
    """The PAN-FPN of ultralytics' `yolov8.yaml` (layers 10 to 21): YOLO11's with C2f blocks."""

    def block(self, c1: int, c2: int, scale: Scale, *, c3k: bool) -> nn.Module:
        """Return a C2f without shortcuts; it has no larger form, so `c3k` does not apply."""
        return C2f(c1, c2, scale.repeats(3))
