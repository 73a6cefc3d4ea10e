"""YOLOv8: what is special about it beside its parts and scales."""

from yolograft.model.bases.base import Base, roles

YOLOV8 = Base(
    loss="yolograft.model.losses.ciou.CIoULoss",
    roles=roles(
        backbone="Conv Conv C2f Conv C2f Conv C2f Conv C2f",
        context={"sppf": "SPPF"},
        neck="C2f C2f Conv C2f Conv C2f",
        head="Detect",
    ),
)
