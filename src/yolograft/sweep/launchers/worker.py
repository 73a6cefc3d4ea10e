"""One job of a sweep, in whatever process a launcher has started for it."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from yolograft.common.processes import own_names


class JobEndedError(Exception):
    """A job that ended without a word of its own."""


class WorkersLauncher(Launcher):
    """A launcher of ours: keeps what Hydra gives it."""

    config: DictConfig
    worker: "Worker"

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Remember what a job is made from."""
        self.config = config
        self.worker = Worker(hydra_context, task_function, config)


@dataclass(frozen=True)
class Worker:
    """Does one job; can be pickled, and called in another process or on another machine that sees the same disk.

    Attributes:
        hydra_context: Hydra's.
        task_function: What Hydra calls for each job.
        config: The sweep's config.
        folder: The working folder that relative paths are meant from.
        command: The command line, for the record.
        singletons: Hydra's global state.
        numbered: Whether the terminal's lines say which job they are of, since several write to it.
    """

    hydra_context: HydraContext
    task_function: TaskFunction
    config: DictConfig
    folder: Path = field(default_factory=Path.cwd)
    command: list[str] = field(default_factory=lambda: list(sys.argv))
    singletons: dict[Any, Any] = field(default_factory=Singleton.get_state)
    numbered: bool = False

    def __call__(self, overrides: Sequence[str], number: int) -> JobReturn:
        """Do a job.

        Args:
            overrides: Of the job.
            number: Its place in the sweep.

        Raises:
            StoppedError: If this process was asked to stop; the run's checkpoint is written.
        """
        own_names()
        os.chdir(self.folder)
        if str(self.folder) not in sys.path:
            sys.path.append(str(self.folder))  # a person's own parts
        sys.argv = list(self.command)
        setup_globals()
        Singleton.set_state(self.singletons)
        config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = f"{config.hydra.job.name}_{number}", number
            if self.numbered and OmegaConf.select(config, "hydra.job_logging.formatters.plain") is not None:
                config.hydra.job_logging.formatters.plain.format = f"[{number + 1}] %(message)s"
        HydraConfig.instance().set_config(config)
        return run_job(
            hydra_context=self.hydra_context,
            task_function=self.task_function,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )

    def outcome(self, overrides: Sequence[str], number: int) -> JobReturn:
        """Do a job, and return also what would leave it as an exception: a pool of processes must not see that."""
        try:
            return self(overrides, number)
        except BaseException as error:
            return ended(f"{type(error).__name__}: {error}")


def ended(reason: str) -> JobReturn:
    """Return what a job that has not ended by itself would have returned."""
    result = JobReturn()
    result.status, result.return_value = JobStatus.FAILED, JobEndedError(reason)
    return result


def runs(count: int) -> str:
    """Return so many runs in words."""
    return f"{count} run{'s' * (count != 1)}"
