"""The options that config groups have unless told otherwise, from the `defaults` lists that Hydra itself reads."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from yolograft.common.files import read_text
from yolograft.common.parsing import parse_yaml
from yolograft.config.locations import conf_dir


@cache
def default_choices() -> Mapping[str, str]:
    """Return the option of each group that `train` takes without an override, such as `{"backbone": "yolo11"}`."""
    return dict(_choices("train"))


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
