"""Pretrained weights for backbones that are built of timm's parts."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import timm
import torch
from huggingface_hub import constants
from torch import Tensor, nn

from yolograft.common.network import unreachable
from yolograft.model.state import read_state

log = logging.getLogger(__name__)


def load_pretrained(body: nn.Module, source: str | bool, timm_name: str) -> str:
    """Load weights with timm's names into a backbone.

    Args:
        body: The network; its tensors are named as timm names them.
        source: True downloads timm's weights; a text is the path of a `.safetensors` or `.pt` file; False does nothing.
        timm_name: The timm model whose weights are meant, `architecture` or `architecture.tag`.

    Returns:
        A line that says how many tensors were matched; empty when nothing was loaded.

    Raises:
        ValueError: The weights could not be had, or less than half of the backbone's tensors are among them.
    """
    if source is False:
        return ""
    state = _download(timm_name) if source is True else _read(str(source))
    own = body.state_dict()
    renamed = {_own_name(name, own): value for name, value in state.items()}
    matched = {name: value for name, value in renamed.items() if name in own and own[name].shape == value.shape}
    origin = f"timm's '{timm_name}'" if source is True else f"'{source}'"
    line = f"{len(matched)} of the backbone's {len(own)} tensors matched in {origin}"
    if 2 * len(matched) < len(own):
        raise ValueError(f"pretrained: only {line}; another variant, width or depth was trained there")
    body.load_state_dict(matched, strict=False)
    log.log(logging.INFO if len(matched) == len(own) else logging.WARNING, "pretrained: %s", line)
    return line


def require_own_size(pretrained: bool | str, **multipliers: float) -> None:
    """Refuse timm's weights for a network that was scaled.

    Raises:
        ValueError: `pretrained` is True and one of the multipliers is not 1.
    """
    if pretrained is True and any(value != 1 for value in multipliers.values()):
        given = ", ".join(f"{name} {value:g}" for name, value in multipliers.items())
        wanted = " ".join(f"backbone.{name}=1" for name in multipliers)
        raise ValueError(
            f"pretrained=true needs the variant's own size, not {given}: set {wanted}, or take backbone=timm"
        )


def _own_name(name: str, own: dict[str, Tensor]) -> str:
    """Return what a tensor of the whole timm model is called in the backbone.

    timm's feature wrappers keep the names, flatten the first level (`stages.0.conv` to `stages_0.conv`), or put the
    whole model under one more name.
    """
    candidates = (name, name.replace(".", "_", 1), f"body.{name}", f"model.{name}")
    return next((candidate for candidate in candidates if candidate in own), name)


def _download(timm_name: str) -> dict[str, Tensor]:
    """Return the weights that timm publishes under a name; those downloaded before need no network."""
    place, missing = _source(timm_name)
    try:
        # building it only to be filled must not shift the seed
        with torch.random.fork_rng(devices=[]), _cache_only(bool(missing)):
            return timm.create_model(timm_name, pretrained=True).state_dict()
    except Exception as error:  # timm, huggingface_hub and their HTTP clients each raise their own kinds
        reason = missing or (str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise ValueError(
            f"pretrained=true: no weights for timm's '{timm_name}' ({reason}); "
            f"{f'download them from {place} and give' if place else 'give'} the file: backbone.pretrained=FILE"
        ) from error


def _source(timm_name: str) -> tuple[str, str | None]:
    """Return where timm's weights of a name lie, and why they cannot be reached (None: they can)."""
    published = timm.get_pretrained_cfg(timm_name)
    if published is not None and published.hf_hub_id:
        place = f"{constants.ENDPOINT}/{published.hf_hub_id}"
        if constants.HF_HUB_OFFLINE:
            return place, "HF_HUB_OFFLINE is set"
        return place, unreachable(constants.ENDPOINT)
    address = published.url if published is not None else ""
    if not address or (Path(torch.hub.get_dir()) / "checkpoints" / Path(address).name).exists():
        return address, None
    missing = unreachable(address)
    if missing:  # torch's own download would wait for each of its steps
        raise ValueError(
            f"pretrained=true: no weights for timm's '{timm_name}' ({missing}); "
            f"download them from {address} and give the file: backbone.pretrained=FILE"
        )
    return address, None


@contextmanager
def _cache_only(wanted: bool) -> Iterator[None]:
    """Let huggingface_hub look into its cache alone: without a network it would try again for a minute."""
    before, speaker = constants.HF_HUB_OFFLINE, logging.getLogger("timm.models")
    level = speaker.level
    constants.HF_HUB_OFFLINE = before or wanted
    if wanted:
        speaker.setLevel(logging.WARNING)  # it announces a download
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
        speaker.setLevel(level)


def _read(path: str) -> dict[str, Tensor]:
    """Return the weights in a file."""
    try:
        return read_state(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"pretrained: {error}") from error
