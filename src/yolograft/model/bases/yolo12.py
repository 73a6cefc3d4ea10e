"""YOLO12: what is special about it beside its parts and scales."""

from yolograft.model.bases.base import Base, roles

YOLO12 = Base(
    loss="yolograft.model.losses.ciou.CIoULoss",
    roles=roles(
        backbone="Conv Conv C3k2 Conv C3k2 Conv A2C2f Conv A2C2f",
        context={},
        neck="A2C2f A2C2f Conv A2C2f Conv C3k2",
        head="Detect",
    ),
)
