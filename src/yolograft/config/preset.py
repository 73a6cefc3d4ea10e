"""What a data set sets of the training's own keys, unless the person does: `conf/dataset/preset/NAME.yaml`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yolograft.common.files import read_text
from yolograft.common.parsing import parse_yaml
from yolograft.config.locations import conf_dir


def preset_line(choices: Mapping[str, Any], config: Mapping[str, Any], overrides: Sequence[str]) -> str | None:
    """Return what a run's log says of its data set's preset; None where nothing comes from one.

    Args:
        choices: The option chosen in each config group, as Hydra keeps them.
        config: The run's resolved config.
        overrides: The run's overrides.
    """
    name = choices.get("dataset")
    places = (folder / "dataset" / "preset" / f"{name}.yaml" for folder in (conf_dir(), Path.cwd()))
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return None
    try:
        values = parse_yaml(read_text(file))
    except (OSError, ValueError):  # Hydra has read it
        return None
    given = {override.partition("=")[0] for override in overrides}
    used = [f"{key}={value}" for key, value in values.items() if config.get(key) == value and key not in given]
    return f"dataset={name} comes with {' '.join(used)}; your own are taken where you give them" if used else None
