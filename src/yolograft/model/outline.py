"""Whether a file's tensors are those of the model that it describes, found out before memory is taken for it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from yolograft.common.errors import UserError
from yolograft.config.instantiate import ROOMS, is_within
from yolograft.model.detector import Detector, build_detector
from yolograft.model.spec import ModelSpec

MISFIT = "its tensors do not fit its own description (another version wrote it?)"

# Modules that may be put into others: for each tensor (2.7 is the most among 35 variants; timm's are built twice), for
# a model of few tensors, and in all.
_MODULES_PER_TENSOR = 6
_MODULES = 1000
_MODULES_IN_ALL = 60_000
# Bytes of buffers that are not saved, such as anchors or masks, beyond those of the tensors themselves.
_UNSAVED = 256 * 2**20


def refuse_misfit(
    path: Path, spec: ModelSpec, shapes: Mapping[str, tuple[int, ...]], trust: Sequence[str] = ()
) -> Detector | None:
    """Build a model without data and compare it with a file's tensors.

    Args:
        path: The file, for the message.
        spec: What the file says of the model.
        shapes: Its tensors' shapes by name.
        trust: As for `build_detector`.

    Returns:
        The model without data; None for one of a trusted part that cannot be built so.

    Raises:
        UserError: Names or shapes differ, or the description is of something far larger than the file.
    """
    too_large = UserError(f"'{path}' describes a model far larger than its own {len(shapes)} tensors")
    limit = min(_MODULES_PER_TENSOR * len(shapes) + _MODULES, _MODULES_IN_ALL)
    try:
        with torch.device("meta"), _at_most(limit, too_large):
            outline = build_detector(spec, trust)
    except UserError as error:
        raise error if error is too_large else UserError(f"'{path}': {error}") from error
    except (NotImplementedError, RuntimeError) as error:
        if all(is_within(target, ROOMS["backbone"]) for target in spec.targets.values()):
            raise UserError(f"'{path}': {MISFIT}") from error
        return None  # a trusted part reads numbers of its own when it is built: it has none without data
    empty = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    with suppress(RuntimeError):  # parts that may hold more, such as an image's mean, take up what the file has of it
        outline.load_state_dict(empty, strict=False)
    if {name: tuple(tensor.shape) for name, tensor in outline.state_dict().items()} != shapes:
        raise UserError(f"'{path}': {MISFIT}")
    held = {id(t): t.numel() * t.element_size() for t in chain(outline.parameters(), outline.buffers())}
    saved = sum(t.numel() * t.element_size() for t in outline.state_dict().values())
    if sum(held.values()) > 2 * saved + _UNSAVED:
        raise too_large
    return outline


@contextmanager
def _at_most(limit: int, error: Exception) -> Iterator[None]:
    """Raise an error as soon as more modules than this are put into others, in whatever constructor."""
    count = 0

    def registered(module: nn.Module, name: str, child: nn.Module | None) -> Any:
        nonlocal count
        count += 1
        if count > limit:
            raise error

    handle = register_module_module_registration_hook(registered)
    try:
        yield
    finally:
        handle.remove()
