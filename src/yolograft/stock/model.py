"""What the model package takes from ultralytics: blocks, the detection model, its losses and its counters.

Everything under `yolograft.model` reaches ultralytics through this file, so a change of its internals shows up here.
Importing the package `yolograft.stock` has set the environment that ultralytics reads on import.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from ultralytics.nn.modules import C2PSA, SPPF, C3k2, Conv, Detect
from ultralytics.nn.tasks import BaseModel, DetectionModel
from ultralytics.utils import DEFAULT_CFG_DICT, IterableSimpleNamespace
from ultralytics.utils.loss import BboxLoss, v8DetectionLoss
from ultralytics.utils.ops import make_divisible
from ultralytics.utils.torch_utils import get_flops, initialize_weights

__all__ = [
    "C2PSA",
    "SPPF",
    "BboxLoss",
    "C3k2",
    "Conv",
    "Detect",
    "DetectionModel",
    "default_args",
    "get_flops",
    "initialize_weights",
    "make_divisible",
    "new_detect",
    "new_sppf",
    "read_stock_checkpoint",
    "start_module",
    "stock_yolo11",
    "v8DetectionLoss",
]


def stock_yolo11(scale: str = "n", nc: int = 80) -> DetectionModel:
    """Return ultralytics' own YOLO11 of a scale (n, s, m, l or x), randomly initialised."""
    return DetectionModel(f"yolo11{scale}.yaml", nc=nc, verbose=False)


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


def new_detect(nc: int, channels: list[int], strides: list[int]) -> Detect:
    """Return stock's `Detect` in YOLO11's form, with its strides set.

    `parse_model` keeps the choice between the old and the new class branch in a class attribute, so building a YOLOv8
    anywhere in the process changes the next head. It is pinned on the instance before the constructor reads it;
    a subclass would do the same, but stock compares the exact type before augmented prediction.
    """
    head = Detect.__new__(Detect)
    head.legacy = False
    head.__init__(nc=nc, reg_max=16, end2end=False, ch=channels)  # type: ignore[misc]
    head.stride = torch.tensor(
        strides, dtype=torch.float32, device="cpu"
    )  # known even where the weights are not (meta)
    head.inplace = True
    return head


# Where a checkpoint's classes may come from. The unpickler only fills their attributes; it calls no code of theirs.
_MODULE_HOMES = ("torch.nn.modules.", "ultralytics.nn.modules.", "ultralytics.nn.tasks.")
_LOSS_HOMES = ("ultralytics.utils.loss", "ultralytics.utils.tal")  # a checkpoint taken while training holds its loss


def _restricted_getattr(obj: Any, name: str) -> Any:
    """Stand in for `getattr`, which some checkpoints name to reach a layer's `forward`."""
    if isinstance(obj, nn.Module) and name in {"forward", "forward_fuse"}:
        return getattr(obj, name)
    if isinstance(obj, type) and issubclass(obj, nn.Module) and name in {"forward", "forward_fuse"}:
        return getattr(obj, name)
    raise AttributeError(f"a checkpoint may not reach for {name!r}")


def _safe_classes(names: list[str]) -> Iterator[Any]:
    """Yield the allow-list entries for those of a checkpoint's names that only hold data or layers."""
    data = {
        "ultralytics.utils.IterableSimpleNamespace": IterableSimpleNamespace,
        "numpy.dtype": np.dtype,
        "numpy.ndarray": np.ndarray,
        **{f"numpy.{core}.multiarray.scalar": np.float64(0).__reduce__()[0] for core in ("core", "_core")},
        **{f"numpy.{core}.multiarray._reconstruct": np.zeros(0).__reduce__()[0] for core in ("core", "_core")},
        "builtins.getattr": _restricted_getattr,
        # Paths are only kept as text; torch's unpickler calls the class with the parts of the path.
        "pathlib.PosixPath": Path,
        "pathlib.WindowsPath": Path,
        "pathlib._local.PosixPath": Path,
        "pathlib._local.WindowsPath": Path,
    }
    for name in names:
        module, _, attribute = name.rpartition(".")
        if name in data:
            yield data[name], name
        elif f"{module}.".startswith(_MODULE_HOMES):
            found = getattr(importlib.import_module(module), attribute, None)
            if isinstance(found, type) and issubclass(found, nn.Module):
                yield found, name
        elif module in _LOSS_HOMES:
            found = getattr(importlib.import_module(module), attribute, None)
            if isinstance(found, type) and found.__module__ == module:
                yield found, name
    if "numpy.dtype" in names:
        yield from (type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64))


def read_stock_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read the weights of a `.pt` file that ultralytics saved, without running anything the file brings along.

    `torch.load(weights_only=True)` rebuilds layer classes of `torch.nn` and `ultralytics.nn` only; any other name in
    the file makes it stop. The EMA is preferred, as in stock.

    Args:
        path: The checkpoint: `{"model": DetectionModel, "ema": DetectionModel | None, ...}`.

    Returns:
        The state dict in fp32, under stock's names (`model.0.conv.weight`, ...).

    Raises:
        ValueError: The file holds no model.
        pickle.UnpicklingError: The file names a class that is not allowed.
    """
    names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    with torch.serialization.safe_globals(list(_safe_classes(names))):
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model = (checkpoint.get("ema") or checkpoint.get("model")) if isinstance(checkpoint, dict) else checkpoint
    if not isinstance(model, nn.Module):
        raise ValueError("holds no model")
    return model.float().state_dict()
