"""YOLO11's head."""

from collections.abc import Sequence

from torch import nn

from yolograft.model.features import Feature
from yolograft.upstream.model import new_detect


def detect(features: Sequence[Feature], nc: int) -> nn.Module:
    """Return ultralytics' anchor-free `Detect` head as YOLO11 has it.

    Args:
        features: The neck's levels; their strides become the head's.
        nc: Number of classes.

    Raises:
        ValueError: There is no class to detect.
    """
    return new_detect(nc, *levels_of(features, nc))


def levels_of(features: Sequence[Feature], nc: int) -> tuple[list[int], list[int]]:
    """Return channels and strides of the levels that a head is built on.

    Raises:
        ValueError: There is no class to detect.
    """
    if nc < 1:
        raise ValueError(f"needs at least one class, not {nc}")
    return [feature.channels for feature in features], [feature.stride for feature in features]
