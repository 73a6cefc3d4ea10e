"""What to train and where: `RunSpec`, and the folders that runs and sweeps have."""

import hashlib
import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, flag_override

from yolograft.common.errors import UserError
from yolograft.common.files import read_text
from yolograft.common.parsing import parse_json
from yolograft.runs.identity import identity, shapes_result

LEDGER = "sweep.json"
"""A sweep's list of its runs, in its folder."""
_SWEEPS = Path("multirun")
_LONGEST_NAME = 100
"""Characters of a folder's name that is made of words of the command line."""
_LONGEST_FILE_NAME = 255
"""Bytes of a file's name on the disks in use."""


@dataclass(frozen=True)
class RunSpec:
    """One run: what to train, and where. Plain data that any process can be given.

    Attributes:
        config: The resolved config as plain containers, without Hydra's own key.
        folder: The run's folder.
        choices: The option chosen in each config group.
        overrides: What Hydra makes the config from, without Hydra's own keys.
        group: The sweep's name, or the project of a single run.
    """

    config: dict[str, Any]
    folder: Path
    choices: dict[str, str]
    overrides: list[str]
    group: str = ""

    @cached_property
    def identity(self) -> str:
        """The run's identity; see `runs.identity`."""
        return identity(self.config)

    @property
    def name(self) -> str:
        """The folder's own name, which tells the run from the others of its sweep."""
        return self.folder.name


def run_spec(composed: DictConfig, config: dict[str, Any], sweep: Path | None = None, number: int = 0) -> RunSpec:
    """Return the run that a composed config describes.

    Args:
        composed: The config with Hydra's own key.
        config: The same, resolved and without that key.
        sweep: The sweep's folder; None for a single run.
        number: The run's place in its sweep.
    """
    with flag_override(composed, ["struct", "readonly"], False):
        composed.hydra.job.num, composed.hydra.job.id = number, str(number)
    own = OmegaConf.select(composed, "hydra.run.dir" if sweep is None else "hydra.sweep.subdir")
    return RunSpec(
        config=config,
        folder=Path(own) if sweep is None else sweep / own,
        choices=choices_of(composed.hydra),
        overrides=[str(text) for text in composed.hydra.overrides.task],
        group=str(config["project"]) if sweep is None else sweep.name,
    )


def choices_of(hydra: Any) -> dict[str, str]:
    """Return the option chosen in each of our config groups, from what Hydra keeps of itself."""
    chosen = hydra.runtime.choices
    return {key: value for key, value in chosen.items() if "/" not in key and isinstance(value, str)}


def grid(overrides: Sequence[Override]) -> Iterable[list[str]]:
    """Yield the overrides of every job of a sweep, as Hydra's basic sweeper combines them: later ones win."""
    axes: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if override.is_discrete_sweep():
            axes[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        elif override.is_sweep_override():
            axes.pop(key, None)  # a range for a searching sweeper: there is no list to go through
        else:
            axes[key] = [override.input_line or ""]
    for job in itertools.product(*axes.values()):
        yield list(job)


def sweep_folder(config: DictConfig, overrides: Sequence[Override]) -> tuple[Path, Path]:
    """Return the folder of a sweep, which the same command finds again, and the one that it had by an earlier rule.

    A sweep that has no name of its own is named after what is swept, and by a hash of the settings beside that: so
    more values or seeds join it, and other settings have a folder of their own.
    """
    given = [o for o in overrides if o.key_or_group == "hydra.sweep.dir"]
    if given:
        return Path(str(given[-1].value())), Path(str(given[-1].value()))
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


def where_it_was(jobs: Sequence[RunSpec], before: Path) -> list[RunSpec]:
    """Return the jobs in the folder that their sweep had before, where some of them are there: they go on there."""
    if not jobs or before == (folder := jobs[0].folder.parent) or (folder / LEDGER).exists():
        return list(jobs)
    try:
        runs = parse_json(read_text(before / LEDGER))["runs"]
        known = {run["identity"] for run in runs}
    except (OSError, ValueError, LookupError, TypeError):
        return list(jobs)
    if known.isdisjoint(job.identity for job in jobs):
        return list(jobs)
    return [replace(job, folder=before / job.name) for job in jobs]


def check_folders(jobs: Sequence[RunSpec], sweep: Path | None) -> None:
    """Refuse folders in which the runs could not be told apart, or that cannot be made.

    Args:
        jobs: The runs.
        sweep: The sweep's folder; None for a single run.

    Raises:
        UserError: Naming the key that makes the folder.
    """
    key = "hydra.run.dir" if sweep is None else "hydra.sweep.subdir"
    taken: dict[str, RunSpec] = {}
    for job in jobs:
        named = next((k for k in ("name", "project") if len(str(job.config.get(k))) > _LONGEST_NAME), None)
        said = f"{named}={job.config[named]}" if named else f"{key}={job.folder}"
        if any(len(os.fsencode(part)) > _LONGEST_FILE_NAME for part in job.folder.parts):  # `stat` may not come so far
            raise UserError(f"{said}: file name too long; a run's folder cannot be called so")
        try:
            (job.folder / "checkpoints" / "best.safetensors").stat()
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as problem:  # too long, a character that no name may have, a file in the way
            why = getattr(problem, "strerror", None) or str(problem)
            raise UserError(f"{said}: {why[0].lower()}{why[1:]}; a run's folder cannot be called so") from None
        if sweep is None:
            continue
        if job.folder.parent != sweep or job.name in ("", ".."):
            raise UserError(
                f"{key}={_below(job.folder, sweep)}: every run needs a folder of its own right below the sweep's; "
                f"leave out {key}"
            )
        other = taken.setdefault(os.path.normcase(job.folder), job)
        if other.identity != job.identity:
            different = [o for o in job.overrides if o not in other.overrides]
            raise UserError(
                f"{key}={job.name}: runs with other settings ({', '.join(different)}) would share this folder; "
                f"leave out {key}"
            )


def _below(folder: Path, sweep: Path) -> str:
    return folder.relative_to(sweep).as_posix() if folder.is_relative_to(sweep) else folder.as_posix()
