"""What the model package takes from ultralytics: blocks, the detection model, its losses and its counters.

Everything under `yolograft.model` reaches ultralytics through this file, so a change of its internals shows up here.
Importing the package `yolograft.upstream` has set the environment that ultralytics reads on import.
"""

from collections.abc import Sequence
from typing import Any

import torch
from ultralytics.nn.modules import (
    AIFI,
    C2PSA,
    PSA,
    SPPELAN,
    SPPF,
    A2C2f,
    ADown,
    Bottleneck,
    C2f,
    C2fCIB,
    C3k2,
    Conv,
    Detect,
    DWConv,
    GhostConv,
    SCDown,
    v10Detect,
)
from ultralytics.nn.modules.block import RepCSP
from ultralytics.nn.tasks import BaseModel, DetectionModel
from ultralytics.utils import DEFAULT_CFG_DICT, IterableSimpleNamespace
from ultralytics.utils.loss import BboxLoss, E2ELoss, v8DetectionLoss
from ultralytics.utils.metrics import bbox_iou
from ultralytics.utils.ops import make_divisible
from ultralytics.utils.torch_utils import get_flops, initialize_weights

__all__ = [
    "AIFI",
    "C2PSA",
    "PSA",
    "SPPELAN",
    "SPPF",
    "A2C2f",
    "ADown",
    "BboxLoss",
    "Bottleneck",
    "C2f",
    "C2fCIB",
    "C3k2",
    "Conv",
    "DWConv",
    "Detect",
    "DetectionModel",
    "E2ELoss",
    "GhostConv",
    "RepCSP",
    "SCDown",
    "bbox_iou",
    "default_args",
    "get_flops",
    "initialize_weights",
    "is_upstream",
    "make_divisible",
    "new_detect",
    "new_sppf",
    "new_v10_detect",
    "start_module",
    "upstream_model",
    "v8DetectionLoss",
]


def is_upstream(module: torch.nn.Module, kinds: Sequence[str]) -> bool:
    """Return whether a module is of one of ultralytics' own classes of these names, not of one derived from it."""
    return type(module).__name__ in kinds and type(module).__module__.startswith("ultralytics.nn.")


def upstream_model(base: str = "yolo11", scale: str = "n", nc: int = 80) -> DetectionModel:
    """Return ultralytics' own model of a base (yolo11, yolov8, …) and scale (n, s, m, l or x), randomly initialised."""
    legacy = Detect.legacy
    try:
        return DetectionModel(f"{base}{scale}.yaml", nc=nc, verbose=False)
    finally:
        Detect.legacy = legacy  # stock leaves YOLOv8's class branch to the next head of the process


def default_args() -> IterableSimpleNamespace:
    """Return a fresh copy of ultralytics' default settings, as a trained stock model carries in `model.args`."""
    return IterableSimpleNamespace(**DEFAULT_CFG_DICT)


def start_module(model: DetectionModel) -> None:
    """Run `nn.Module`'s constructor on a `DetectionModel`, leaving out the one that reads a YAML file."""
    super(BaseModel, model).__init__()


def new_sppf(c1: int, c2: int, kernel: int = 5) -> SPPF:
    """Return SPPF as stock builds it for YOLO11: `parse_model` gives its first convolution the activation back."""
    sppf = SPPF(c1, c2, kernel)
    sppf.cv1.act = Conv.default_act
    return sppf


def new_detect(
    nc: int,
    channels: list[int],
    strides: list[int],
    *,
    legacy: bool = False,
    reg_max: int = 16,
    one_to_one: bool = False,
    nms: bool = True,
) -> Detect:
    """Return stock's `Detect` with its strides set.

    `parse_model` keeps the choice between the old and the new class branch in a class attribute, so building a YOLOv8
    anywhere in the process changes the next head. It is pinned on the instance before the constructor reads it;
    a subclass would do the same, but stock compares the exact type before augmented prediction.

    Args:
        nc: Number of classes.
        channels: Channels of each level.
        strides: Stride of each level, pixels.
        legacy: YOLOv8's class branch, of full convolutions, in place of depth-wise ones.
        reg_max: Bins of the distribution of each side; 1: the sides themselves.
        one_to_one: A second pair of branches, which is trained to find each object once.
        nms: Without one-to-one branches always true; else whether boxes are those of the other branches, before NMS.
    """
    head = Detect.__new__(Detect)
    head.legacy = legacy
    head.__init__(nc=nc, reg_max=reg_max, end2end=one_to_one, ch=channels)
    return _ready(head, strides, nms)


def new_v10_detect(nc: int, channels: list[int], strides: list[int], *, nms: bool) -> v10Detect:
    """Return stock's `v10Detect` with its strides set; arguments as for `new_detect`."""
    head = v10Detect.__new__(v10Detect)
    head.legacy = False  # of branches that its constructor makes and throws away: they draw random numbers
    head.__init__(nc=nc, ch=channels)
    return _ready(head, strides, nms)


def _ready(head: Detect, strides: list[int], nms: bool) -> Any:
    # On the CPU: known even where the weights are not (meta).
    head.stride = torch.tensor(strides, dtype=torch.float32, device="cpu")
    head.inplace = True
    if not nms:
        head.end2end = True
    return head
