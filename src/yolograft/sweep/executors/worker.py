"""One run of a sweep, in whatever process an executor has started for it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yolograft.common.processes import own_names
from yolograft.runs.spec import RunSpec
from yolograft.sweep.executors.base import JobEndedError, Outcome
from yolograft.sweep.job import train_job


@dataclass(frozen=True)
class Worker:
    """Trains a run; can be pickled, and called in another process or on another machine that sees the same disk.

    Attributes:
        folder: The working folder that relative paths are meant from.
        environment: Variables that the process is given.
        numbered: Whether the terminal's lines say which run they are of, since several write to it.
    """

    folder: Path = field(default_factory=Path.cwd)
    environment: Mapping[str, str] = field(default_factory=dict)
    numbered: bool = False

    def __call__(self, spec: RunSpec) -> None:
        """Train a run.

        Raises:
            StoppedError: If this process was asked to stop; the run's checkpoint is written.
        """
        own_names()
        os.chdir(self.folder)
        os.environ.update(self.environment)
        if str(self.folder) not in sys.path:
            sys.path.append(str(self.folder))  # a person's own parts
        train_job(spec, sweep=True, prefix=f"[{(spec.number or 0) + 1}] " if self.numbered else "")

    def outcome(self, spec: RunSpec) -> Outcome:
        """Train a run, and return also what would leave it as an exception: a pool of processes must not see that."""
        try:
            self(spec)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is recorded and ends this run alone
            return JobEndedError(f"{type(error).__name__}: {error}")
        return None
