"""YOLOv10's head."""

from collections.abc import Sequence

from torch import nn

from yolograft.model.features import Feature
from yolograft.model.heads.detect import levels_of
from yolograft.upstream.model import new_v10_detect


def yolov10(features: Sequence[Feature], nc: int, *, nms: bool = False) -> nn.Module:
    """Return ultralytics' `v10Detect`: what `end2end` with 16 bins is, as the class that YOLOv10's weights are of.

    Args:
        features: The neck's levels; their strides become the head's.
        nc: Number of classes.
        nms: As for `end2end`.

    Raises:
        ValueError: There is no class to detect.
    """
    return new_v10_detect(nc, *levels_of(features, nc), nms=nms)
