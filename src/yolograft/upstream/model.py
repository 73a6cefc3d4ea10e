"""What the model package takes from ultralytics: blocks, the detection model, its losses and its counters.

Everything under `yolograft.model` reaches ultralytics through this file, so a change of its internals shows up here.
Importing the package `yolograft.upstream` has set the environment that ultralytics reads on import.
"""

from collections.abc import Sequence

import torch
from ultralytics.nn.modules import C2PSA, SPPF, C2f, C3k2, Conv, Detect
from ultralytics.nn.tasks import BaseModel, DetectionModel
from ultralytics.utils import DEFAULT_CFG_DICT, IterableSimpleNamespace
from ultralytics.utils.loss import BboxLoss, v8DetectionLoss
from ultralytics.utils.metrics import bbox_iou
from ultralytics.utils.ops import make_divisible
from ultralytics.utils.torch_utils import get_flops, initialize_weights

__all__ = [
    "C2PSA",
    "SPPF",
    "BboxLoss",
    "C2f",
    "C3k2",
    "Conv",
    "Detect",
    "DetectionModel",
    "bbox_iou",
    "default_args",
    "get_flops",
    "initialize_weights",
    "is_upstream",
    "make_divisible",
    "new_detect",
    "new_sppf",
    "start_module",
    "upstream_model",
    "upstream_yolo11",
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


def upstream_yolo11(scale: str = "n", nc: int = 80) -> DetectionModel:
    """Return ultralytics' own YOLO11 of a scale, randomly initialised."""
    return upstream_model("yolo11", scale, nc)


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


def new_detect(nc: int, channels: list[int], strides: list[int], *, legacy: bool = False) -> Detect:
    """Return stock's `Detect` with its strides set.

    `parse_model` keeps the choice between the old and the new class branch in a class attribute, so building a YOLOv8
    anywhere in the process changes the next head. It is pinned on the instance before the constructor reads it;
    a subclass would do the same, but stock compares the exact type before augmented prediction.

    Args:
        nc: Number of classes.
        channels: Channels of each level.
        strides: Stride of each level, pixels.
        legacy: YOLOv8's class branch, of full convolutions, in place of depth-wise ones.
    """
    head = Detect.__new__(Detect)
    head.legacy = legacy
    head.__init__(nc=nc, reg_max=16, end2end=False, ch=channels)
    head.stride = torch.tensor(
        strides, dtype=torch.float32, device="cpu"
    )  # known even where the weights are not (meta)
    head.inplace = True
    return head
