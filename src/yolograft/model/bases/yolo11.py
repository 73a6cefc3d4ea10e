"""YOLO11: what is special about it beside its parts and scales."""

from yolograft.model.bases.base import Base, roles

YOLO11 = Base(
    loss="yolograft.model.losses.ciou.CIoULoss",
    roles=roles(
        backbone="Conv Conv C3k2 Conv C3k2 Conv C3k2 Conv C3k2",
        context={"sppf": "SPPF", "psa": "C2PSA"},
        neck="C3k2 C3k2 Conv C3k2 Conv C3k2",
        head="Detect",
    ),
)
