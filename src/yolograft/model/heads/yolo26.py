"""YOLO26's head."""

from collections.abc import Sequence

from torch import nn

from yolograft.model.features import Feature
from yolograft.model.heads.end2end import end2end


def yolo26(features: Sequence[Feature], nc: int, *, reg_max: int = 1, nms: bool = False) -> nn.Module:
    """Return `end2end` as YOLO26 has it: the sides of a box are numbers, without a distribution.

    Args:
        features: The neck's levels; their strides become the head's.
        nc: Number of classes.
        reg_max: As for `end2end`.
        nms: As for `end2end`.

    Raises:
        ValueError: As for `end2end`.
    """
    return end2end(features, nc, reg_max=reg_max, nms=nms)
