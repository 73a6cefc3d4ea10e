"""Settings of earlier versions in today's form, and back: run folders, weights and identities outlive a rename.

`progressive` was a key of the group `callbacks` (`callbacks=progressive callbacks.progressive.stages=2`) before it
became a group of its own. Before there was the group `base`, every run was a variant of YOLO11.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from yolograft.common.levels import DEFAULT_LEVELS
from yolograft.config.defaults import DEFAULT_BASE

PROGRESSIVE = "; progressive learning is a group of its own: progressive=default progressive.stages=4"
"""What to write instead of `callbacks=progressive`, as the end of a refusal."""

_PIECES = {"inner": "conv", "up": "nearest", "fuse": "concat", "gs_kernel": 5, "shuffle": "fixed"}

LATER: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("backbone", "yolograft.model.backbones.yolo11.", {"conv": "conv"}),
    ("neck", "yolograft.model.necks.conv.", {"block": "c3k2", "down": "conv", **_PIECES}),
    ("neck", "yolograft.model.necks.gsconv.", {"block": "c3k2", "down": "gsconv", **_PIECES}),
    ("neck", "yolograft.model.necks.slim.", {"block": "vovgscsp1", "down": "gsconv", **_PIECES}),
    ("backbone", "yolograft.model.backbones.mbv3.", {"last_conv": False, "pretrained_slice": False}),
    ("backbone", "yolograft.model.backbones.effv1.", {"pretrained_slice": False}),
    ("backbone", "yolograft.model.backbones.effv2.", {"pretrained_slice": False}),
    (
        "loss",
        "yolograft.model.losses.",
        {"classification": "bce", "inner": None, "focaler": None, "nwd": 0.0, "nwd_size": 12.8},
    ),
    ("augment", "", {"device": "auto"}),
    ("dataset", "yolograft.data.sources.shapes.", {"smallest": 0.08}),
)
"""Options that came after version 0.1: group, beginning of the `_target_`, and by name the value that says what was.

A config without them means these values; with these values it has the identity that it had without them.
"""

LATER_KEYS: Mapping[str, Any] = {"levels": list(DEFAULT_LEVELS), "activation": None}
"""Keys of a command that came after version 0.1, in the same sense."""


def update_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's config, of whatever version, under today's keys."""
    updated = update_parts(config)
    if "backbone" in config:
        updated = {**LATER_KEYS, **updated}
    callbacks = config.get("callbacks")
    if not isinstance(callbacks, Mapping) or "progressive" not in callbacks:
        return updated
    others = {name: settings for name, settings in callbacks.items() if name != "progressive"}
    return {**updated, "callbacks": others, "progressive": callbacks["progressive"]}


def update_parts(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return groups with the options that came after whatever version wrote them."""
    updated = dict(parts)
    for group, options in _later(parts):
        updated[group] = {**options, **updated[group]}
    return updated


def update_choices(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a run of whatever version has chosen, under today's groups."""
    told = dict(choices)
    if told.get("callbacks") == "progressive":
        told |= {"callbacks": "default", "progressive": "default"}
    if "backbone" in told:
        told = {"base": DEFAULT_BASE, "attention": "none", **told}
    return told


def first_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config under the keys that identities are made of: that of a run does not change with a version."""
    first = {
        key: value
        for key, value in config.items()
        if key != "progressive" and (key not in LATER_KEYS or value != LATER_KEYS[key])
    }
    if not (first.get("attention") or {}).get("_target_"):  # wherever it is not
        first.pop("attention", None)
    if isinstance(backbone := first.get("backbone"), Mapping) and backbone.get("activation", ...) is None:
        first["backbone"] = {k: v for k, v in backbone.items() if k != "activation"}
    for group, options in _later(config):
        first[group] = {k: v for k, v in first[group].items() if k not in options or v != options[k]}
    if config.get("progressive") is not None:
        first["callbacks"] = {**(config.get("callbacks") or {}), "progressive": config["progressive"]}
    return first


def _later(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield those entries of `LATER` that concern a config, as group and options."""
    for group, target, options in LATER:
        part = config.get(group)
        if isinstance(part, Mapping) and str(part.get("_target_", "")).startswith(target):
            yield group, options
