"""timm's published weights: from its cache or downloaded, without minutes of retries where there is no network."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import constants
from torch import Tensor

from yolograft.common.network import unreachable


def download(timm_name: str) -> dict[str, Tensor]:
    """Return the weights that timm publishes under a name; those downloaded before need no network.

    Raises:
        ValueError: They cannot be had; says where they are and where to put them.
    """
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


def settings_of(timm_name: str, file: str | None = None) -> Any:
    """Return timm's `PretrainedCfg` (mean, std, first_conv, …) of the weights in use; None where timm has none.

    Args:
        timm_name: The model that the weights are for.
        file: Where they come from a file: one named as timm names its models (`tf_efficientnet_b0.aa_in1k.pth`) tells
            which of the model's weights they are.
    """
    named = Path(file or "").name
    for ending in (".safetensors", ".pth", ".pt", ".bin"):
        named = named.removesuffix(ending)
    for name in (named, timm_name):
        with suppress(RuntimeError):  # there is such a model, but no such weights of it
            if (found := timm.get_pretrained_cfg(name)) is not None:
                return found
    return None


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
