"""What the heads share that are ultralytics' `Detect` with a piece exchanged."""

from collections.abc import Sequence

import torch

from yolograft.model.features import Feature
from yolograft.model.heads.detect import levels_of
from yolograft.upstream.model import Detect

REG_MAX = 16
"""Values of the distribution that each side of a box is predicted as, as in YOLO11."""


class DerivedDetect(Detect):
    """`Detect` in YOLO11's form, of any number of levels: it decodes, is validated, exported and trained as stock's.

    Args:
        features: The neck's levels; their strides become the head's.
        nc: Number of classes.
        channels: Of the maps that the two branches get; the neck's where not given.

    Raises:
        ValueError: There is no class to detect.
    """

    legacy = False  # building a YOLOv8 sets it on `Detect`, for the whole process

    def __init__(self, features: Sequence[Feature], nc: int, channels: Sequence[int] | None = None) -> None:
        given, strides = levels_of(features, nc)
        super().__init__(nc=nc, reg_max=REG_MAX, end2end=False, ch=list(channels or given))
        self.stride = torch.tensor(strides, dtype=torch.float32, device="cpu")  # known where the weights are not (meta)
        self.inplace = True
