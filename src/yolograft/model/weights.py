"""Saving and loading detectors, and reading weights to start from.

Files may come from strangers: no code that they name is run, and no memory taken beyond what they hold themselves.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write, user_path
from yolograft.common.parsing import parse_json
from yolograft.common.text import plain
from yolograft.model.detector import Detector, ModelSpec, build_detector
from yolograft.model.outline import MISFIT, refuse_misfit
from yolograft.model.state import NoTensorsError, State, check_header, read_described, read_state
from yolograft.model.transfer import kinds_of
from yolograft.runs.weights_file import best_weights
from yolograft.upstream.downloads import published_weights

log = logging.getLogger(__name__)

FORMAT = "yolograft-detector-1"


def load_weights(path: str | Path, trust: Sequence[str] = ()) -> State:
    """Read weights to start from: a `.safetensors` of ours, a plain state dict, or a `.pt` that ultralytics saved.

    Args:
        path: The file; a run's folder, for its best weights; or a name under which ultralytics publishes weights, such
            as `yolo11n.pt`, which are downloaded once.
        trust: Packages whose parts may be built to learn which layers a file of ours has.

    Returns:
        Tensors by name, on the CPU, with what the file says of its model; `transfer` puts them into a detector.

    Raises:
        UserError: There is no such file, it cannot be read, or it would have to be unpickled to be read.
    """
    path = user_path(path)
    if path.is_dir():
        path = best_weights(path)
    elif not path.exists():
        path = published_weights(str(path)) or path
    try:
        return _explained(path, read_state(path, modules=True), trust)
    except NoTensorsError as error:
        raise UserError(
            f"'{path}' holds objects that are no model of torch's modules and are not made from a file; if you trust "
            f"it, convert it: python -c \"import torch; c = torch.load(r'{path}', map_location='cpu', "
            "weights_only=False); torch.save((c.get('ema') or c['model']).float().state_dict(), 'weights.pt')\""
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(plain(str(error))) from error


def _explained(path: Path, state: State, trust: Sequence[str]) -> State:
    """Return weights with the classes, levels and layers that a file of ours says its model has."""
    metadata: Mapping[str, str] = {}
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    elif path.suffix == ".pt":
        metadata, tensors = read_described(path, FORMAT)
        state = State(tensors, state.names) if tensors else state
    if metadata.get("format") != FORMAT:
        return state
    try:
        spec, _ = _described(path, metadata)
    except (KeyError, ValueError) as error:
        log.warning("%s: its description cannot be read (%s); weights are taken by name.", path, plain(str(error)))
        return state
    state.names, state.levels = spec.names, tuple(spec.levels)
    state.backbone = spec.parts.get("backbone", {}).get("model")
    try:
        outline = refuse_misfit(path, spec.untrained(), {name: tuple(t.shape) for name, t in state.items()}, trust)
    except UserError:  # a part of a package that is not trusted, or not installed: the tensors' names must do
        return state
    if outline is not None:
        state.kinds = kinds_of(outline, state.levels)
    return state


def save_detector(model: Detector, path: str | Path, extra: dict[str, Any] | None = None) -> None:
    """Write a detector to a `.safetensors` file, with what is needed to build it again.

    The file is written beside its place and then moved there, so a crash leaves the old one whole. Equal detectors give
    equal bytes.

    Args:
        model: The detector, not fused.
        path: The file to write.
        extra: Anything that JSON can hold, given back by `load_detector`.

    Raises:
        ValueError: The model is fused; its layers no longer match its description.
    """
    if model.is_fused():
        raise ValueError("a fused model cannot be saved: its batch normalisation is gone")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = describe_detector(model, extra)
    # safetensors keeps plain memory only: channels_last tensors are laid out anew, shared ones would be refused.
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    atomic_write(path, _in_order(bytearray(save(state, metadata))))


def describe_detector(model: Detector, extra: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the texts that a file holds beside the tensors, and from which `load_detector` builds the detector."""
    return {"format": FORMAT, "spec": model.spec.to_json(), "extra": json.dumps(extra or {})}


def _in_order(content: bytearray) -> bytearray:
    """Put the metadata of a `.safetensors` file into order; safetensors keeps them in one that changes by chance."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    content[:end] = len(text).to_bytes(8, "little") + text
    return content


def load_detector(path: str | Path, trust: Sequence[str] = ()) -> tuple[Detector, dict[str, Any]]:
    """Build a detector from a file that `save_detector` wrote, or `write_checkpoint` (a `.pt`).

    Args:
        path: The file.
        trust: Packages besides ours, ultralytics', timm's and torch's that its parts may come from.

    Returns:
        The detector on the CPU, in evaluation mode, and what was saved as `extra`.

    Raises:
        UserError: There is no such file, it is not one of ours or damaged, or it names a part that is not trusted.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no weights file '{path}'")
    try:
        if path.suffix == ".pt":
            metadata, state = read_described(path, FORMAT)
            spec, extra = _described(path, metadata)
            shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
            return _rebuilt(path, spec, shapes, lambda: state, trust), extra
        check_header(path)
        with safe_open(path, framework="pt") as file:
            spec, extra = _described(path, file.metadata() or {})
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a dict
            return _rebuilt(path, spec, shapes, lambda: {name: file.get_tensor(name) for name in shapes}, trust), extra
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"'{path}' is damaged or was not saved by YOLOGraft: {plain(str(error))}") from error


def _described(path: Path, metadata: Mapping[str, str]) -> tuple[ModelSpec, dict[str, Any]]:
    """Return what a file says of its model, and its `extra`."""
    if metadata.get("format") != FORMAT:
        raise UserError(f"'{path}' was not saved by YOLOGraft; as a start for training: weights={path}")
    extra = parse_json(metadata["extra"])
    if not isinstance(extra, dict):
        raise ValueError("its extra is no object")
    return ModelSpec.from_json(metadata["spec"]), extra


def _rebuilt(
    path: Path,
    spec: ModelSpec,
    shapes: Mapping[str, tuple[int, ...]],
    read: Callable[[], dict[str, Tensor]],
    trust: Sequence[str],
) -> Detector:
    """Build a detector whose tensors are read only when its description fits their shapes."""
    untrained = spec.untrained()
    refuse_misfit(path, untrained, shapes, trust)
    state = read()
    model = build_detector(untrained, trust)
    model.spec = spec
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"'{path}': {MISFIT}") from error
    return model.eval()
