"""A search without trainings: composing and Optuna are real, the launcher writes what a run would have written."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from yolograft.config import search_path
from yolograft.config.locations import conf_dir
from yolograft.runs import resolvers
from yolograft.runs.spec import RunSpec
from yolograft.sweep.optuna import OptunaSweeper
from yolograft.sweep.search_space import settings

Outcome = Callable[[RunSpec], dict[str, Any] | None]


class Writer(Launcher):
    """Writes run.json instead of training.

    Args:
        outcome: What a job's run.json gets; None writes none.

    Attributes:
        launched: The batches, as lists of jobs.
    """

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.launched: list[list[RunSpec]] = []

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        raise NotImplementedError

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        known = {tuple(job.overrides): job for job in self.sweeper.jobs.values()}
        jobs = [known[tuple(overrides)] for overrides in job_overrides]
        self.launched.append(jobs)
        for job in jobs:
            if (record := self.outcome(job)) is not None:
                job.folder.mkdir(parents=True, exist_ok=True)
                (job.folder / "run.json").write_text(json.dumps({"identity": job.identity, **record}))
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=None) for _ in jobs]

    sweeper: OptunaSweeper


def finished(value: float, params: int = 1000) -> dict[str, Any]:
    """Return the run.json of a run that went to its end."""
    return {"status": "finished", "metrics": {"mAP50-95": value}, "params": params, "error": None}


@contextmanager
def searching(folder: Path, outcome: Outcome, *arguments: str) -> Iterator[tuple[OptunaSweeper, Writer, list[str]]]:
    """Give a sweeper, its launcher, and what it is to sweep over."""
    search_path.register()
    resolvers.register()
    swept = [a for a in arguments if not a.startswith("hydra")]
    ours = [a for a in arguments if a.startswith("hydra")]
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="train"):
        config = compose(
            "train", ["hydra/sweeper=optuna", *ours, f"hydra.sweep.dir={folder.as_posix()}"], return_hydra_config=True
        )
        sweeper, launcher = OptunaSweeper(**settings(config.hydra.sweeper)), Writer(outcome)
        sweeper.config, sweeper.folder, sweeper.launcher, launcher.sweeper = config, folder, launcher, sweeper
        sweeper.hydra_context = HydraContext(
            config_loader=GlobalHydra.instance().config_loader(), callbacks=Callbacks()
        )
        yield sweeper, launcher, swept


def search(folder: Path, outcome: Outcome, *arguments: str) -> list[list[RunSpec]]:
    """Carry a search on, as one command does, and return the batches that were launched."""
    with searching(folder, outcome, *arguments) as (sweeper, launcher, swept):
        sweeper.sweep(swept)
        return launcher.launched


def result(folder: Path) -> dict[str, Any]:
    """Return optuna.json."""
    content: dict[str, Any] = json.loads((folder / "optuna.json").read_text(encoding="utf-8"))
    return content
