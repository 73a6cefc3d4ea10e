"""Where a variant differs from its base although nobody chose it: only the swapped part may differ, unless it must."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from yolograft.common.parts import ATTENTION, PARTS
from yolograft.config.compose import compose, container_of, parse
from yolograft.config.search_path import initialized
from yolograft.model.detector import Detector, build_detector, parts_params
from yolograft.model.features import Feature
from yolograft.model.from_config import model_spec


def forced(model: Detector, config: Mapping[str, Any]) -> dict[str, str]:
    """Return why parts that are the base's own have another number of parameters than in the base as it is.

    Args:
        model: The variant.
        config: What it was built from, with `choices`, the option chosen in each group.

    Returns:
        A sentence by part; those that were swapped, or have options of their own, are left out.
    """
    base = config["choices"]["base"]
    with initialized("info"):
        usual = container_of(compose("info", parse([f"base={base}"])))
    same = [group for group in PARTS if config[group] == usual[group]]
    usual |= {key: config[key] for key in ("scale", "levels")}
    with torch.device("meta"):
        stock = build_detector(model_spec(usual, model.nc))
    counts, own = parts_params(stock), parts_params(model)
    said = {}
    for group in same:
        if own[group] == counts[group]:
            continue
        widths = _widths(_given(model, group), _given(stock, group))
        reasons = [f"its input has {widths}"] if widths else []
        if config["activation"] == "prelu":
            reasons.append("activation=prelu has parameters of its own")
        said[group] = f"{own[group] - counts[group]:+,} parameters against {base} as it is: {'; '.join(reasons)}"
    return said


def _given(model: Detector, group: str) -> Sequence[Feature]:
    """Return the levels that a part is given; none for the backbone."""
    given: Sequence[Feature] = ()
    for name, part in model.model.named_children():
        if name == group:
            break
        if not name.startswith(ATTENTION):
            given = part.features  # type: ignore[assignment]  # what every part but the head has
    return given


def _widths(here: Sequence[Feature], there: Sequence[Feature]) -> str:
    """Return which levels have other channels, as `P5 512 channels, not 256`."""
    pairs = [(one, other) for one, other in zip(here, there, strict=True) if one.channels != other.channels]
    return ", ".join(f"{one.name} {one.channels} channels, not {other.channels}" for one, other in pairs)
