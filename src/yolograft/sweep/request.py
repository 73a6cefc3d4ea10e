"""What a `train` command line asks for, composed and checked: plain data for `sweep.command`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from yolograft.runs.spec import Container, RunSpec, logging_of, unresolved
from yolograft.sweep.search_space import Search


@dataclass(frozen=True)
class SearchRequest:
    """What a search is asked for.

    Attributes:
        settings: The keys of `hydra.sweeper`.
        overrides: What its trials are made from, `hydra.sweeper.params` included; of two of a key the later counts.
        signature: What must stay for it to be carried on.
    """

    settings: Search
    overrides: Sequence[Override]
    signature: dict[str, Any]


@dataclass(frozen=True)
class SweepRequest:
    """What a sweep is asked for.

    Attributes:
        folder: Its folder.
        executor: The kind of executor; a key of `EXECUTORS`.
        executor_settings: The keys of `hydra.launcher`.
        batch: So many runs are given to the executor at a time; None: all.
        search: For a search; None for a grid.
        logging: How the command logs, as for `logging.config.dictConfig`.
        config: What the runs have in common, for multirun.yaml.
    """

    folder: Path
    executor: str
    executor_settings: Container
    batch: int | None
    search: SearchRequest | None
    logging: Container
    config: Container


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        command: The command line.
        specs: The runs to train; of a search, which chooses them as it goes, none.
        sweep: For several runs; None for a single one.
        probes: Of a search, runs that have every value of its space once.
    """

    command: str
    specs: list[RunSpec] = field(default_factory=list)
    sweep: SweepRequest | None = None
    probes: list[RunSpec] = field(default_factory=list)


def sweep_request(
    composed: DictConfig, overrides: Sequence[Override], folder: Path, executor: str, search: SearchRequest | None
) -> SweepRequest:
    """Return what a sweep is asked for.

    Args:
        composed: One of its configs, with Hydra's own key.
        overrides: The command line's.
        folder: The sweep's folder.
        executor: The kind of executor.
        search: For a search.
    """
    config = composed.copy()
    OmegaConf.set_struct(config, False)
    hydra = config.hydra
    hydra.sweep.dir, hydra.mode = folder.as_posix(), RunMode.MULTIRUN
    hydra.overrides.task = [o.input_line for o in overrides if not o.is_hydra_override()]
    launcher, sweeper = (OmegaConf.to_container(hydra[key], resolve=True) for key in ("launcher", "sweeper"))
    assert isinstance(launcher, dict)
    assert isinstance(sweeper, dict)
    return SweepRequest(
        folder=folder,
        executor=executor,
        executor_settings={str(key): value for key, value in launcher.items()},
        batch=sweeper.get("max_batch_size"),
        search=search,
        logging=logging_of(hydra, "hydra_logging"),
        config=unresolved(config),
    )
