"""A head without non-maximum suppression."""

from collections.abc import Sequence

from torch import nn

from yolograft.model.features import Feature
from yolograft.model.heads.detect import levels_of
from yolograft.upstream.model import new_detect


def end2end(features: Sequence[Feature], nc: int, *, reg_max: int = 16, nms: bool = False) -> nn.Module:
    """Return ultralytics' `Detect` head with one-to-one branches beside its own, as in `yolo26.yaml`.

    In training both pairs of branches learn: the usual ones, to which many cells answer for an object, teach the
    features; the one-to-one branches learn to answer with one cell per object, on features that they do not change. At
    inference the best of their boxes are the answer (Wang et al., "YOLOv10: real-time end-to-end object detection",
    NeurIPS 2024, arXiv:2405.14458, section 3.1).

    Args:
        features: The neck's levels; their strides become the head's.
        nc: Number of classes.
        reg_max: Bins of the distribution of each side of a box; 1: a side is a number, without a distribution, and the
            third term of the loss its L1 distance.
        nms: Answer with the one-to-many branches' boxes, which need non-maximum suppression, as ultralytics 8.4 does
            unless told `nms=False`. The training is the same.

    Raises:
        ValueError: There is no class to detect, or no bin.
    """
    if reg_max < 1:
        raise ValueError(f"needs reg_max of at least 1, not {reg_max}")
    return new_detect(nc, *levels_of(features, nc), reg_max=reg_max, one_to_one=True, nms=nms)
