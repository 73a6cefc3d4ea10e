"""Pretrained weights for backbones that are built of timm's parts."""

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from yolograft.model.backbones.image_input import ImageInput
from yolograft.model.backbones.published import download, settings_of
from yolograft.model.state import read_state

log = logging.getLogger(__name__)


class FullSize(NamedTuple):
    """A network before it was scaled.

    Attributes:
        options: What chooses it, as `backbone.width=1`.
        build: Returns it.
    """

    options: str
    build: Callable[[], nn.Module]


def load_pretrained(
    backbone: ImageInput,
    body: nn.Module,
    source: str | bool,
    timm_name: str,
    *,
    sliced: bool = False,
    full: FullSize | None = None,
) -> str:
    """Load weights with timm's names into a backbone, and let it normalize images as they were trained.

    Args:
        backbone: The backbone.
        body: Its network; its tensors are named as timm names them.
        source: True downloads timm's weights; a text is the path of a `.safetensors` or `.pt` file; False does nothing.
        timm_name: The timm model whose weights are meant, `architecture` or `architecture.tag`.
        sliced: Take the first channels of layers that are narrower here.
        full: What to advise where a file fits it instead.

    Returns:
        A line that says how many tensors were matched, and what images are normalized as; empty when nothing was
        loaded.

    Raises:
        ValueError: The weights could not be had, or less than half of the backbone's tensors are among them.
    """
    if source is False:
        if sliced:
            raise ValueError("pretrained_slice=true needs pretrained=true, or a file of weights")
        return ""
    state = download(timm_name) if source is True else _read(str(source))
    own = body.state_dict()
    renamed = {own_name(name, own): value for name, value in state.items()}
    known = {name: value for name, value in renamed.items() if name in own}
    matched = {name: value for name, value in known.items() if own[name].shape == value.shape}
    cut = {name: part for name, value in known.items() if (part := _first(value, own[name])) is not None}
    taken = cut if sliced else matched
    origin = f"timm's '{timm_name}'" if source is True else f"'{source}'"
    line = f"{len(taken)} of the backbone's {len(own)} tensors matched in {origin}"
    if sliced:
        line += f", the first channels of {len(cut) - len(matched)} of them: they were trained wider"
    if 2 * len(taken) < len(own):
        hint = f"; {full.options} fits it" if full and _fits(full.build, state) else ""
        if 2 * len(cut) >= len(own):
            hint += ", or the first channels of each layer: backbone.pretrained_slice=true"
        raise ValueError(f"pretrained: only {line}; another variant, width or depth was trained there{hint}")
    body.load_state_dict(taken, strict=False)
    line += _normalize(backbone, body, timm_name, None if source is True else str(source))
    log.log(logging.INFO if len(matched) == len(own) else logging.WARNING, "pretrained: %s", line)
    return line


def require_own_size(pretrained: bool | str, *, sliced: bool, **multipliers: float) -> None:
    """Refuse timm's weights for a network that was scaled.

    Raises:
        ValueError: `pretrained` is True, one of the multipliers is not 1, and no first channels are asked for.
    """
    if pretrained is True and not sliced and any(value != 1 for value in multipliers.values()):
        given = ", ".join(f"{name} {value:g}" for name, value in multipliers.items())
        wanted = " ".join(f"backbone.{name}=1" for name in multipliers)
        raise ValueError(
            f"pretrained=true needs the variant's own size, not {given}: set {wanted}, or take backbone=timm, or the "
            "first channels of each layer: backbone.pretrained_slice=true"
        )


def nearest_wider(variants: Mapping[str, tuple[float, float]], width: float, depth: float) -> str:
    """Return the smallest variant whose layers hold those of a network scaled to a width and depth.

    Args:
        variants: Width and depth of each, from small to large.
        width: What is needed.
        depth: What is needed.

    Raises:
        ValueError: None is that large.
    """
    wide = (name for name, (own_width, own_depth) in variants.items() if own_width >= width and own_depth >= depth)
    if (found := next(wide, None)) is None:
        size = f"width {width:g}, depth {depth:g}"
        raise ValueError(f"pretrained_slice=true: no published weights are as large as {size}")
    return found


def own_name(name: str, own: Mapping[str, Tensor]) -> str:
    """Return what a tensor of the whole timm model is called in the backbone.

    timm's feature wrappers keep the names, flatten the first level (`stages.0.conv` to `stages_0.conv`), or put the
    whole model under one more name.
    """
    candidates = (name, name.replace(".", "_", 1), f"body.{name}", f"model.{name}")
    return next((candidate for candidate in candidates if candidate in own), name)


def _first(value: Tensor, own: Tensor) -> Tensor | None:
    """Return the first channels of a tensor, as many as ours has; None where ours has more, or another kernel."""
    if value.ndim != own.ndim or value.shape[2:] != own.shape[2:]:
        return None
    if any(theirs < ours for theirs, ours in zip(value.shape[:2], own.shape[:2], strict=True)):
        return None
    return value[tuple(slice(count) for count in own.shape)]


def _fits(build: Callable[[], nn.Module], state: Mapping[str, Tensor]) -> bool:
    with torch.device("meta"):
        own = build().state_dict()
    return all(name in state and state[name].shape == value.shape for name, value in own.items())


def _normalize(backbone: ImageInput, body: nn.Module, timm_name: str, file: str | None) -> str:
    """Let a backbone take images of 0…1, and return the end of the line that says so."""
    settings = settings_of(timm_name, file)
    if settings is None or len(settings.mean) != 3 or len(settings.std) != 3:
        return "; images are not normalized: timm does not say how they were"
    first = [settings.first_conv] if isinstance(settings.first_conv, str) else list(settings.first_conv or ())
    names = [own_name(f"{name}.weight", body.state_dict()).removesuffix(".weight") for name in first]
    modules = dict(body.named_modules())
    layers = [modules[name] for name in names if name in modules]
    backbone.normalize_as(settings.mean, settings.std, layers if len(layers) == len(first) else [])
    as_text = ["/".join(f"{value:g}" for value in dict.fromkeys(values)) for values in (settings.mean, settings.std)]
    return f"; images normalized with mean {as_text[0]}, standard deviation {as_text[1]}, as in their training"


def _read(path: str) -> dict[str, Tensor]:
    """Return the weights in a file."""
    try:
        return read_state(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"pretrained: {error}") from error
