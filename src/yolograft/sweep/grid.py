"""A sweep's grid: the combinations of the values given, and the folder that the same command finds again."""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from yolograft.common.files import read_text
from yolograft.common.parsing import parse_json
from yolograft.runs.identity import shapes_result
from yolograft.runs.spec import LEDGER, RunSpec

_SWEEPS = Path("multirun")
_LONGEST_NAME = 100
"""Characters of a sweep's name that is made of the keys that are swept."""


def grid(overrides: Sequence[Override]) -> Iterable[list[str]]:
    """Yield the overrides of every run of a sweep, as Hydra's basic sweeper combines them: later ones win."""
    axes: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if override.is_discrete_sweep():
            axes[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        elif override.is_sweep_override():
            axes.pop(key, None)  # a range for a search: there is no list to go through
        else:
            axes[key] = [override.input_line or ""]
    for combination in itertools.product(*axes.values()):
        yield list(combination)


def sweep_folder(config: DictConfig, overrides: Sequence[Override]) -> tuple[Path, Path]:
    """Return the folder of a sweep, which the same command finds again, and the one that it had by an earlier rule.

    A sweep that has no name of its own is named after what is swept, and by a hash of the settings beside that: so
    more values or seeds join it, and other settings have a folder of their own.
    """
    if any(override.key_or_group == "hydra.sweep.dir" for override in overrides):
        folder = Path(str(OmegaConf.select(config, "hydra.sweep.dir")))
        return folder, folder
    choices = config.hydra.runtime.choices
    named = config.get("name") or choices.get("/experiments") or choices.get("experiments")
    if named:
        return _SWEEPS / str(named), _SWEEPS / str(named)
    swept = {o.key_or_group: o.key_or_group.rsplit(".", 1)[-1] for o in overrides if o.is_sweep_override()}
    settings = {o.get_key_element(): o.get_value_string() for o in overrides if not o.is_sweep_override()}
    shaping = [key for key in settings if key not in swept and not key.startswith("hydra") and shapes_result(key)]
    fixed = sorted(f"{key}={settings[key]}" for key in shaping)
    name = before = "-".join(dict.fromkeys(swept.values())) or "sweep"
    if fixed or len(name) > _LONGEST_NAME:
        digest = hashlib.sha256("\n".join([*swept, *fixed]).encode()).hexdigest()[:6]
        name = f"{name[:_LONGEST_NAME]}-{digest}"
    return _SWEEPS / name, _SWEEPS / before


def where_it_was(specs: Sequence[RunSpec], folder: Path, before: Path) -> Path:
    """Return the folder in which a sweep goes on: the one by an earlier rule, where some of its runs are there.

    Args:
        specs: The sweep's runs.
        folder: Its folder by today's rule.
        before: Its folder by the earlier one.
    """
    if before == folder or (folder / LEDGER).exists():
        return folder
    try:
        runs = parse_json(read_text(before / LEDGER))["runs"]
        known = {run["identity"] for run in runs}
    except (OSError, ValueError, LookupError, TypeError):
        return folder
    return folder if known.isdisjoint(spec.identity for spec in specs) else before
