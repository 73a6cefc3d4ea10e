"""Trying out parts that are not ours, in one second instead of in the first step of a training.

A part is fed what the one before says it gives, so that a fault is told of the part that has it. Numbers of the part
(statistics of batch normalisation) and the process's random state are as they were afterwards.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from yolograft.common.errors import UserError
from yolograft.common.levels import coarsest_stride
from yolograft.common.parts import ATTENTION
from yolograft.config.instantiate import describe_error, is_within
from yolograft.model.features import Feature
from yolograft.model.spec import ModelSpec
from yolograft.upstream.model import DetectionModel

_OURS = "yolograft"

# Height and width, in cells of the coarsest level: not square, so that axes in the wrong order show. Some parts need
# more room than the first leaves there; what fails at both sizes fails.
_CELLS = ((2, 3), (10, 8))

Size = tuple[int, int]
"""Height and width of an image, pixels."""


def probe(detector: DetectionModel, spec: ModelSpec) -> None:
    """Run each part that is not ours on the levels that it is given, and the loss on what the head answers.

    On the meta device only a wrong answer is told; whether a forward pass fails, shows with data.

    Args:
        detector: The detector.
        spec: What it was built from.

    Raises:
        UserError: A forward pass fails in evaluation or in training mode; a part gives other levels than it says; the
            head's answer has not the form that ultralytics' validator reads; or the loss cannot take it.
    """
    given: Sequence[Feature] = ()
    stride = coarsest_stride(spec.levels)
    sizes = [(height * stride, width * stride) for height, width in _CELLS]
    foreign = {group for group, target in spec.targets.items() if not is_within(target, (_OURS,))}
    part: Any
    for name, part in detector.model.named_children():
        group = ATTENTION if name.startswith(ATTENTION) else name
        if group == "head":
            if foreign & {"head", "loss"}:
                _probe_head(detector, spec, part, given, sizes)
            return
        if group in foreign:
            _probe_levels(part, spec.label(group), given, sizes)
        given = part.features


def _probe_levels(part: Any, label: str, given: Sequence[Feature], sizes: Sequence[Size]) -> None:
    """Compare the levels that a part says it gives with what it gives; `given` is empty for a backbone."""
    said = [(feature.channels, feature.stride) for feature in part.features]
    for training in (False, True):
        outcome = _run(part, label, given, sizes, training)
        if outcome is None:
            continue
        maps, (height, width) = outcome
        got = [_level(m, height, width) for m in maps] if isinstance(maps, list | tuple) else []
        if got != said:
            raise UserError(f"{label} says its levels are {said} (channels, stride); its forward gives {got}")


def _probe_head(
    detector: DetectionModel, spec: ModelSpec, head: nn.Module, given: Sequence[Feature], sizes: Sequence[Size]
) -> None:
    label, nc = spec.label("head"), detector.nc
    outcome = _run(head, label, given, sizes, training=False)
    if outcome is None:
        return
    answer = outcome[0][0] if isinstance(outcome[0], list | tuple) else outcome[0]
    shape = tuple(answer.shape) if isinstance(answer, Tensor) else ()
    if len(shape) != 3 or not (shape[1] == 4 + nc or shape[2] == 6):
        wanted = f"(1, {4 + nc}, boxes) or, without duplicates, (1, boxes, 6)"
        raise UserError(f"{label} gives {shape or type(answer)} for one image and {nc} classes, not {wanted}")
    outcome = _run(head, label, given, sizes, training=True)
    if outcome is None or _device(head).type == "meta":
        return
    answer, (height, width) = outcome
    batch = {
        "img": torch.zeros(2, 3, height, width),
        "cls": torch.zeros(2, 1),
        "bboxes": torch.full((2, 4), 0.5),
        "batch_idx": torch.arange(2.0),
    }
    try:
        with torch.no_grad():
            detector.init_criterion()(answer, {key: value.to(_device(head)) for key, value in batch.items()})
    except UserError:
        raise
    except Exception as error:  # whatever a part of the person's own raises
        raise UserError(f"{spec.label('loss')} fails on what {label} gives: {describe_error(error)}") from error


def _run(
    part: nn.Module, label: str, given: Sequence[Feature], sizes: Sequence[Size], training: bool
) -> tuple[Any, Size] | None:
    """Return what a part gives, and for which size of image; None where that cannot be told without data."""
    images = 2 if training else 1  # a batch normalisation over one value is an error where it trains
    failure: Exception | None = None
    for size in sizes:
        try:
            with torch.no_grad(), _as_it_was(part), torch.random.fork_rng(devices=[]):
                return part.train(training)(_inputs(part, given, images, size)), size
        except Exception as error:  # whatever a part of the person's own raises  # noqa: BLE001
            failure = failure or error
    if _device(part).type == "meta":  # operators without a version for it, numbers that are read: no fault of theirs
        return None
    height, width = sizes[0]
    tried = "two images in training mode" if training else "an image in evaluation mode"
    reason = describe_error(failure, _file(part)) if failure else ""
    raise UserError(f"{label}: its forward fails for {tried} ({height}×{width} pixels): {reason}") from failure


@contextmanager
def _as_it_was(part: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in part.modules()]
    kept = [(buffer, buffer.clone()) for buffer in part.buffers()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for buffer, before in kept:
            buffer.copy_(before)


def _file(part: nn.Module) -> str | None:
    try:
        return inspect.getsourcefile(type(part))
    except TypeError:  # it was not written into a file
        return None


def _inputs(part: nn.Module, given: Sequence[Feature], images: int, size: Size) -> Any:
    device = _device(part)
    if not given:
        return torch.zeros(images, 3, *size, device=device)
    height, width = size
    return [torch.zeros(images, f.channels, height // f.stride, width // f.stride, device=device) for f in given]


def _device(part: nn.Module) -> torch.device:
    return next(part.parameters(), torch.zeros(())).device


def _level(m: Any, height: int, width: int) -> tuple[int, Any]:
    """Return channels and stride of a map, or its sides where they are not those of one stride."""
    if not isinstance(m, Tensor) or m.ndim != 4:
        return (0, type(m).__name__ if not isinstance(m, Tensor) else tuple(m.shape))
    rows, columns = m.shape[2:]
    stride = height // rows if rows else 0
    return m.shape[1], stride if (rows * stride, columns * stride) == (height, width) else f"{rows}×{columns}"
