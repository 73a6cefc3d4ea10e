"""From a config's groups to the description of a model."""

from collections.abc import Mapping
from typing import Any

from yolograft.common.levels import DEFAULT_LEVELS
from yolograft.common.parts import ATTENTION, MODEL_GROUPS, PARTS
from yolograft.model.spec import ModelSpec


def model_spec(config: Mapping[str, Any], names: Mapping[int, str] | int) -> ModelSpec:
    """Return the model that a config describes.

    Args:
        config: With the groups of the parts, `attention` and `scale`; of commands that train also `loss`.
        names: Class names by index, of the data set; or only how many classes there are.
    """
    parts = {part: dict(config[part]) for part in PARTS}
    if parts["backbone"].get("activation", ...) is None:  # as no spec had it before there was one
        del parts["backbone"]["activation"]
    attention = dict(config[ATTENTION])
    return ModelSpec(
        parts=parts,
        scale=dict(config["scale"]),
        nc=names if isinstance(names, int) else len(names),
        names={} if isinstance(names, int) else dict(names),
        levels=tuple(config.get("levels", DEFAULT_LEVELS)),
        **({"loss": dict(config["loss"])} if "loss" in config else {}),
        attention=attention if attention.get("_target_") else None,
        activation=config["activation"],
    )


def own_packages(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the packages that the person's own config names parts from: naming them there is trusting them."""
    targets = (config[group].get("_target_") for group in MODEL_GROUPS if group in config)
    return tuple({str(target).partition(".")[0] for target in targets if target})
