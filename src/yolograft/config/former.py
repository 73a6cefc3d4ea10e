"""Settings of earlier versions in today's form, and back: run folders, weights and identities outlive a rename.

`progressive` was a key of the group `callbacks` (`callbacks=progressive callbacks.progressive.stages=2`) before it
became a group of its own. Before there was the group `base`, every run was a variant of YOLO11.
"""

from collections.abc import Mapping
from typing import Any

from yolograft.config.defaults import DEFAULT_BASE

PROGRESSIVE = "; progressive learning is a group of its own: progressive=default progressive.stages=4"
"""What to write instead of `callbacks=progressive`, as the end of a refusal."""


def update_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's config, of whatever version, under today's keys."""
    callbacks = config.get("callbacks")
    if not isinstance(callbacks, Mapping) or "progressive" not in callbacks:
        return dict(config)
    others = {name: settings for name, settings in callbacks.items() if name != "progressive"}
    return {**config, "callbacks": others, "progressive": callbacks["progressive"]}


def update_choices(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a run of whatever version has chosen, under today's groups."""
    told = dict(choices)
    if told.get("callbacks") == "progressive":
        told |= {"callbacks": "default", "progressive": "default"}
    if "backbone" in told:
        told.setdefault("base", DEFAULT_BASE)
    return told


def first_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config under the keys that identities are made of; those of runs made before a rename stay."""
    first = {key: value for key, value in config.items() if key != "progressive"}
    if config.get("progressive") is not None:
        first["callbacks"] = {**(config.get("callbacks") or {}), "progressive": config["progressive"]}
    return first
