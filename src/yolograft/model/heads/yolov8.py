"""YOLOv8's head."""

from collections.abc import Sequence

from torch import nn

from yolograft.model.features import Feature
from yolograft.model.heads.detect import levels_of
from yolograft.upstream.model import new_detect


def yolov8(features: Sequence[Feature], nc: int) -> nn.Module:
    """Return ultralytics' `Detect` head as YOLOv8 has it: full 3×3 convolutions in the class branch.

    Args:
        features: The neck's levels; their strides become the head's.
        nc: Number of classes.

    Raises:
        ValueError: There is no class to detect.
    """
    return new_detect(nc, *levels_of(features, nc), legacy=True)
