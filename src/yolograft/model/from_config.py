"""From a config's groups to the description of a model."""

from collections.abc import Mapping
from typing import Any

from yolograft.common.parts import ATTENTION, MODEL_GROUPS, PARTS
from yolograft.model.spec import ModelSpec

MODEL_KEYS = (*PARTS, ATTENTION, "scale", "activation")
"""The keys of a config that decide what a model computes, but for its number of classes."""


def model_spec(config: Mapping[str, Any], names: Mapping[int, str]) -> ModelSpec:
    """Return the model that a config describes.

    Args:
        config: With the groups of the parts, `attention`, `scale` and `loss`, and `activation`.
        names: Class names by index, of the data set.
    """
    parts = {part: dict(config[part]) for part in PARTS}
    if parts["backbone"].get("activation", ...) is None:  # as no spec had it before there was one
        del parts["backbone"]["activation"]
    attention = dict(config[ATTENTION])
    return ModelSpec(
        parts=parts,
        scale=dict(config["scale"]),
        nc=len(names),
        names=dict(names),
        loss=dict(config["loss"]),
        attention=attention if attention.get("_target_") else {},
        activation=config["activation"],
    )


def own_packages(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the packages that the person's own config names parts from: naming them there is trusting them."""
    targets = (config[group].get("_target_") for group in MODEL_GROUPS if group in config)
    return tuple({str(target).partition(".")[0] for target in targets if target})
