"""YOLO26: what is special about it beside its parts and scales."""

from yolograft.model.bases.base import Base
from yolograft.model.bases.yolo11 import YOLO11

# Its layers are of the same classes as YOLO11's, at the same places.
YOLO26 = Base(loss=YOLO11.loss, roles=YOLO11.roles)
