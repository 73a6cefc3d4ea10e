"""YOLOv8's neck."""

from yolograft.model.necks.conv import ConvNeck
from yolograft.model.necks.pieces import Pieces


class YOLOv8Neck(ConvNeck):
    """The PAN-FPN of ultralytics' `yolov8.yaml` (layers 10 to 21): YOLO11's with C2f blocks."""

    pieces = Pieces(block="c2f")
