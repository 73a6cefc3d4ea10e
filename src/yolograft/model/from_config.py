"""From a config's groups to the description of a model."""

from collections.abc import Mapping
from typing import Any

from yolograft.common.levels import DEFAULT_LEVELS
from yolograft.common.parts import MODEL_GROUPS, PARTS
from yolograft.model.spec import ModelSpec


def model_spec(config: Mapping[str, Any], names: Mapping[int, str] | int) -> ModelSpec:
    """Return the model that a config describes.

    Args:
        config: With the groups of the parts and `scale`; of commands that train also `loss`.
        names: Class names by index, of the data set; or only how many classes there are.
    """
    return ModelSpec(
        parts={part: dict(config[part]) for part in PARTS},
        scale=dict(config["scale"]),
        nc=names if isinstance(names, int) else len(names),
        names={} if isinstance(names, int) else dict(names),
        levels=tuple(config.get("levels", DEFAULT_LEVELS)),
        **({"loss": dict(config["loss"])} if "loss" in config else {}),
    )


def own_packages(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the packages that the person's own config names parts from: naming them there is trusting them."""
    return tuple({str(config[part]["_target_"]).partition(".")[0] for part in MODEL_GROUPS if part in config})
