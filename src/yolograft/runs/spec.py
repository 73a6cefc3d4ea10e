"""What to train and where: `RunSpec`, and how it is made from a composed config."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf, flag_override

from yolograft.runs import resolvers
from yolograft.runs.identity import identity

LEDGER = "sweep.json"
"""A sweep's list of its runs, in its folder."""

Container = dict[str, Any]


@dataclass(frozen=True)
class HydraJob:
    """What Hydra says of a run's process, as plain data.

    Attributes:
        config: The composed config before its references are resolved, for `.hydra/config.yaml`.
        hydra: Hydra's own part of it, for `.hydra/hydra.yaml`.
        logging: How the process logs, as for `logging.config.dictConfig`; empty: as it does already.
        environment: Variables that are set while it trains, `hydra.job.env_set`.
    """

    config: Container
    hydra: Container
    logging: Container
    environment: dict[str, str]


@dataclass(frozen=True)
class RunSpec:
    """One run: what to train, and where. Plain data that any process can be given.

    Attributes:
        config: The resolved config as plain containers, without Hydra's own key.
        folder: The run's folder.
        choices: The option chosen in each config group.
        overrides: What Hydra makes the config from, without Hydra's own keys.
        group: The sweep's name, or the project of a single run.
        command: The command line that asks for it, for the record.
        number: Its place in its sweep, from 0 on; None for a single run.
        hydra: How its process is set up; None for a run that no command line describes.
    """

    config: Container
    folder: Path
    choices: dict[str, str]
    overrides: list[str]
    group: str = ""
    command: str = ""
    number: int | None = None
    hydra: HydraJob | None = field(default=None, repr=False, compare=False)

    @cached_property
    def identity(self) -> str:
        """The run's identity; see `runs.identity`."""
        return identity(self.config)

    @property
    def name(self) -> str:
        """The folder's own name, which tells the run from the others of its sweep."""
        return self.folder.name


def run_spec(
    composed: DictConfig, config: Container, sweep: Path | None = None, number: int = 0, command: str = ""
) -> RunSpec:
    """Return the run that a composed config describes.

    Args:
        composed: The config with Hydra's own key; what Hydra says there of the run is filled in.
        config: The same, resolved and without that key.
        sweep: The sweep's folder; None for a single run.
        number: The run's place in its sweep.
        command: The command line.
    """
    resolvers.register()
    hydra = composed.hydra
    with flag_override(composed, ["struct", "readonly"], False):
        hydra.mode = RunMode.RUN if sweep is None else RunMode.MULTIRUN
        if sweep is None:
            folder = Path(str(OmegaConf.select(composed, "hydra.run.dir")))
        else:
            hydra.job.num, hydra.job.id, hydra.sweep.dir = number, str(number), sweep.as_posix()
            folder = sweep / str(OmegaConf.select(composed, "hydra.sweep.subdir"))
        hydra.runtime.output_dir = str(folder.absolute())
    return RunSpec(
        config=config,
        folder=folder,
        choices=choices_of(hydra),
        overrides=[str(text) for text in hydra.overrides.task],
        group=str(config["project"]) if sweep is None else sweep.name,
        command=command,
        number=None if sweep is None else number,
        hydra=HydraJob(
            config=unresolved({key: composed._get_node(key) for key in composed if key != "hydra"}),
            hydra=unresolved(hydra),
            logging=logging_of(hydra, "job_logging"),
            environment={str(name): str(value) for name, value in hydra.job.env_set.items()},
        ),
    )


def choices_of(hydra: Any) -> dict[str, str]:
    """Return the option chosen in each of our config groups, from what Hydra keeps of itself."""
    chosen = hydra.runtime.choices
    return {key: value for key, value in chosen.items() if "/" not in key and isinstance(value, str)}


def unresolved(config: Any) -> Container:
    """Return a config as plain containers in which references stay as they are written."""
    node = config if isinstance(config, DictConfig) else OmegaConf.create(config)
    plain = OmegaConf.to_container(node, resolve=False, enum_to_str=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def logging_of(hydra: DictConfig, key: str) -> Container:
    """Return how to log, with the levels that `hydra.verbose` asks for; empty where nothing is to be changed.

    Args:
        hydra: Hydra's own part of a config.
        key: `job_logging` or `hydra_logging`.
    """
    settings = OmegaConf.to_container(hydra[key], resolve=True) if hydra.get(key) is not None else None
    if not isinstance(settings, dict) or not settings.get("root"):  # hydra/job_logging=none
        return {}
    named: Any = hydra.verbose
    if named is True:
        settings["root"]["level"] = "DEBUG"
    for name in [named] if isinstance(named, str) else named if isinstance(named, ListConfig) else ():
        settings.setdefault("loggers", {}).setdefault(str(name), {})["level"] = "DEBUG"
    return {str(key): value for key, value in settings.items()}
