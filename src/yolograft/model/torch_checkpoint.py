"""A detector as a `.pt` that `ultralytics.YOLO` opens."""

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

import torch
import ultralytics
from torch import Tensor

from yolograft.common.files import atomic_open
from yolograft.model.bases import BASES
from yolograft.model.detector import Detector
from yolograft.model.roles import base_of
from yolograft.model.weights import FORMAT, describe_detector, load_detector, to_upstream
from yolograft.upstream.model import DetectionModel, upstream_model


def write_checkpoint(weights: Path, target: Path, trust: tuple[str, ...] = ()) -> bool:
    """Write the detector of a file of weights as a `.pt`, a checkpoint as ultralytics' trainer leaves it at its end.

    Where the detector is stock throughout, it is written as ultralytics' own model and opens where only ultralytics is
    installed. Any other is written as it is, and opens where YOLOGraft and its parts' packages can be imported.
    Weights stay in fp32, where stock halves them: the same boxes are found. The texts and names of tensors of the
    `.safetensors` are kept under `FORMAT`, through which `load_detector` reads the file without executing it.

    Args:
        weights: A `best.safetensors`.
        target: The file to write; its folder must exist.
        trust: As for `load_detector`.

    Returns:
        Whether it is ultralytics' own model.

    Raises:
        UserError: The weights cannot be loaded.
        OSError: The file cannot be written.
    """
    detector, extra = load_detector(weights, trust)
    stock = stock_twin(detector)
    model = stock or detector
    config = extra.get("config") or {}
    # What ultralytics remembers of a training when it opens a checkpoint; the data set may be none of its own.
    settings = {"task": "detect", "imgsz": extra.get("imgsz") or 640, "single_cls": config.get("single_cls") is True}
    model.args = settings
    # Its tensors share their memory with those of the model, in the file too.
    own = {**describe_detector(detector, extra), "state": dict(detector.state_dict())}
    checkpoint = {
        "epoch": -1,  # finished
        "best_fitness": None,
        "model": model,
        "ema": None,
        "updates": None,
        "optimizer": None,
        "train_args": settings,
        "train_metrics": {},
        "train_results": {},
        "date": datetime.now(timezone.utc).isoformat(),
        "version": ultralytics.__version__,
        "license": "AGPL-3.0 License (https://ultralytics.com/license)",
        "docs": "https://docs.ultralytics.com",
        FORMAT: own,
    }
    with atomic_open(target) as stream:
        torch.save(checkpoint, stream)
    return stock is not None


def stock_twin(detector: Detector) -> DetectionModel | None:
    """Return ultralytics' own model with a detector's weights, if that is the same model; else None.

    It is the same where each of its tensors has its place in stock's and the outputs are equal to the last bit.

    Args:
        detector: On the CPU, in evaluation mode, not fused.
    """
    state = to_upstream(detector)
    scale = detector.spec.scale["name"]
    if len(state) != len(detector.state_dict()) or scale not in tuple("nsmlx"):
        return None
    roles = base_of(detector).roles
    twins = (_twin(name, detector, state) for name, base in BASES.items() if base.roles == roles)
    return next((twin for twin in twins if twin is not None), None)


def _twin(base: str, detector: Detector, state: Mapping[str, Tensor]) -> DetectionModel | None:
    """Return ultralytics' own model of a base with a detector's weights, if it gives the same output."""
    with torch.random.fork_rng(devices=[]):
        twin = upstream_model(base, detector.spec.scale["name"], detector.nc).eval()
        image = torch.rand(1, 3, 64, 64)
    places = {name: value.shape for name, value in twin.state_dict().items()}
    if places != {name: value.shape for name, value in state.items()}:
        return None
    twin.load_state_dict(state, assign=True)
    twin.names = dict(detector.names)
    twin.end2end = detector.end2end  # of a head that can do without NMS: which branch answers
    with torch.inference_mode():
        return twin if torch.equal(twin(image)[0], detector(image)[0]) else None
