"""Settings of earlier versions in today's form, and back: run folders, weights and identities outlive a rename.

`progressive` was a key of the group `callbacks` (`callbacks=progressive callbacks.progressive.stages=2`) before it
became a group of its own.
"""

from collections.abc import Mapping
from typing import Any

from yolograft.common.levels import DEFAULT_LEVELS

PROGRESSIVE = "; progressive learning is a group of its own: progressive=default progressive.stages=4"
"""What to write instead of `callbacks=progressive`, as the end of a refusal."""

LATER: Mapping[str, Mapping[str, Any]] = {
    "": {"levels": list(DEFAULT_LEVELS)},
}
"""Settings that came after version 0.1: keys of a part's options under the part's `_target_`, those of a command under
the empty name, each with the value that stands for how it was before. At this value they are no part of an identity,
and a config of before is read as if it had them."""


def update_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's config, of whatever version, under today's keys."""
    config = {key: {**_later(part), **part} if _is_part(part) else part for key, part in config.items()}
    if "backbone" in config:
        config = {**LATER[""], **config}
    callbacks = config.get("callbacks")
    if not isinstance(callbacks, Mapping) or "progressive" not in callbacks:
        return config
    others = {name: settings for name, settings in callbacks.items() if name != "progressive"}
    return {**config, "callbacks": others, "progressive": callbacks["progressive"]}


def update_choices(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a run of whatever version has chosen, under today's groups."""
    if choices.get("callbacks") != "progressive":
        return dict(choices)
    return {**choices, "callbacks": "default", "progressive": "default"}


def first_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config under the keys that identities are made of; those of runs made before a rename stay."""
    first = {
        key: {k: v for k, v in value.items() if k not in _later(value) or v != _later(value)[k]}
        if _is_part(value)
        else value
        for key, value in config.items()
        if key != "progressive" and (key not in LATER[""] or value != LATER[""][key])
    }
    if config.get("progressive") is not None:
        first["callbacks"] = {**(config.get("callbacks") or {}), "progressive": config["progressive"]}
    return first


def _is_part(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("_target_"), str)


def _later(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return LATER.get(part["_target_"], {})
