"""Where a variant differs from its base although nobody chose it: only the swapped part may differ, unless it must."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, cast

import torch

from yolograft.common.parts import PARTS
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
    here, there = given(model), given(stock)
    said = {}
    for group in same:
        if own[group] == counts[group]:
            continue
        widths = _widths(here.get(group, {}), there.get(group, {}))
        reasons = [f"its input has {widths}"] if widths else []
        if config["activation"] == "prelu":
            reasons.append("activation=prelu has parameters of its own")
        said[group] = f"{own[group] - counts[group]:+,} parameters against {base} as it is: {'; '.join(reasons)}"
    return said


def given(model: Detector) -> dict[str, dict[str, int]]:
    """Return for each part but the first the channels of the maps that it takes, by level."""
    return {
        name: {feature.name: feature.channels for feature in cast("tuple[Feature, ...]", before.features)}
        for (_, before), (name, _) in pairwise(model.model.named_children())
    }


def _widths(here: Mapping[str, int], there: Mapping[str, int]) -> str:
    """Return which levels have other channels, as `P5 512 channels, not 256`."""
    other = {level: there[level] for level, channels in here.items() if channels != there[level]}
    return ", ".join(f"{level} {here[level]} channels, not {channels}" for level, channels in other.items())
