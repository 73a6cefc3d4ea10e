"""The options that config groups have unless told otherwise, from the `defaults` lists that Hydra itself reads."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from yolograft.common.files import read_text
from yolograft.common.parsing import parse_yaml
from yolograft.common.parts import MODEL_GROUPS
from yolograft.config.locations import conf_dir

DEFAULT_BASE = "yolo11"
"""The base of runs that are older than the group `base`."""


@cache
def default_choices() -> Mapping[str, str]:
    """Return the option of each group that `train` takes without an override, such as `{"backbone": "yolo11"}`."""
    return dict(_choices("train"))


def base_choices(base: str) -> Mapping[str, str]:
    """Return the option of each group of the model that a base is made of, with the base itself.

    Args:
        base: An option of the group `base`; the person's own is looked for in the working folder.

    Returns:
        Nothing where there is no such option.
    """
    if not re.fullmatch(r"[\w-]+", base):  # a stranger's record leads to no other file
        return {}
    places = (folder / "base" / f"{base}.yaml" for folder in (conf_dir(), Path.cwd()))
    file = next((place for place in places if place.is_file()), None)
    return {"base": base, **_overridden(file)} if file else {}


@cache
def _overridden(file: Path) -> Mapping[str, str]:
    """Return the option of each group of the model, as an option of `base` makes it."""
    usual = {group: default_choices()[group] for group in MODEL_GROUPS}
    try:
        content = parse_yaml(read_text(file)) or {}
        entries = {str(key): option for entry in content.get("defaults", []) for key, option in dict(entry).items()}
    except (OSError, ValueError, AttributeError):  # Hydra says what is wrong with it
        return usual
    return {group: str(entries.get(f"override /{group}", option)) for group, option in usual.items()}


def _choices(config: str) -> Iterator[tuple[str, str]]:
    """Yield groups and options of `conf/<config>.yaml` and of the files that it is made from."""
    content: dict[str, Any] = parse_yaml(read_text(conf_dir() / f"{config}.yaml"))
    for entry in content.get("defaults", []):
        if isinstance(entry, str):
            if entry != "_self_":
                yield from _choices(entry)
            continue
        for group, option in entry.items():
            if str(group).isidentifier() and isinstance(option, str):  # neither `override …` nor `optional …`
                yield group, option
