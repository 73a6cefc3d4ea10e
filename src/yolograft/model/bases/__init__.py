"""The families of detectors whose parts are swapped: one file for each, plain data that needs no torch."""

from collections.abc import Mapping

from yolograft.model.bases.base import Base
from yolograft.model.bases.yolo11 import YOLO11
from yolograft.model.bases.yolo12 import YOLO12
from yolograft.model.bases.yolo26 import YOLO26
from yolograft.model.bases.yolov8 import YOLOV8
from yolograft.model.bases.yolov10 import YOLOV10

BASES: Mapping[str, Base] = {
    "yolo11": YOLO11,
    "yolo26": YOLO26,
    "yolo12": YOLO12,
    "yolov8": YOLOV8,
    "yolov10": YOLOV10,
}
"""By the name of their option; ultralytics' model files are called so too."""

DEFAULT_BASE = YOLO11
"""What a model is a variant of unless it says otherwise."""
