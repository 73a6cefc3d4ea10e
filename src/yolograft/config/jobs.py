"""What a sweep's command line means: its runs, composed once."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, flag_override

from yolograft.config.identity import identity


@dataclass(frozen=True)
class Job:
    """One run that a command asks for.

    Attributes:
        overrides: What Hydra makes its config from, without Hydra's own keys.
        folder: The run's folder.
        identity: The run's identity.
        choices: The option chosen in each config group.
        config: The resolved config as plain containers, without Hydra's own key.
    """

    overrides: list[str]
    folder: Path
    identity: str
    choices: dict[str, str]
    config: dict[str, Any]

    @property
    def name(self) -> str:
        """The folder's own name, which tells the run from the others of its sweep."""
        return self.folder.name


def job_of(composed: DictConfig, config: dict[str, Any], folder: Path | None = None, number: int = 0) -> Job:
    """Return the job that a composed config describes.

    Args:
        composed: The config with Hydra's own key.
        config: The same, resolved and without that key.
        folder: The sweep's folder; None for a single run.
        number: The job's place in its sweep.
    """
    with flag_override(composed, ["struct", "readonly"], False):
        composed.hydra.job.num, composed.hydra.job.id = number, str(number)
    own = OmegaConf.select(composed, "hydra.run.dir" if folder is None else "hydra.sweep.subdir")
    return Job(
        overrides=[str(text) for text in composed.hydra.overrides.task],
        folder=Path(own) if folder is None else folder / own,
        identity=identity(config),
        choices=choices_of(composed.hydra),
        config=config,
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


def sweep_folder(config: DictConfig, overrides: Sequence[Override]) -> str:
    """Return the folder of a sweep: the same command finds the same folder again."""
    given = [o for o in overrides if o.key_or_group == "hydra.sweep.dir"]
    if given:
        return str(given[-1].value())
    experiment = config.hydra.runtime.choices.get("/experiments") or config.hydra.runtime.choices.get("experiments")
    swept = [o.key_or_group.rsplit(".", 1)[-1] for o in overrides if o.is_sweep_override()]
    name = config.get("name") or experiment or "-".join(dict.fromkeys(swept)) or "sweep"
    return (Path("multirun") / str(name)).as_posix()
