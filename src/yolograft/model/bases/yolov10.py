"""YOLOv10: what is special about it beside its parts and scales."""

from yolograft.model.bases.base import Base, roles

YOLOV10 = Base(
    loss="yolograft.model.losses.ciou.CIoULoss",
    roles=roles(
        backbone="Conv Conv C2f Conv C2f SCDown C2f|C2fCIB SCDown C2f|C2fCIB",
        context={"sppf": "SPPF", "psa": "PSA"},
        neck="C2f|C2fCIB C2f Conv C2f|C2fCIB SCDown C2fCIB",
        head="v10Detect",
    ),
)
