"""What every step of a training is given: the run, its record, the device, the request to stop."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolograft.compute.devices import Compute
from yolograft.runs.spec import RunSpec
from yolograft.runs.writer import RecordWriter
from yolograft.tasks.detect import DETECT
from yolograft.tasks.task import Task
from yolograft.tracking.base import RunLogger
from yolograft.training.checkpoints import Checkpoints
from yolograft.training.stopping import StopRequest


@dataclass
class Session:
    """One start of a run in one of the processes that train together.

    Attributes:
        spec: What to train, and where.
        record: Its run.json.
        compute: Device, precision, threads, workers.
        stop: Whether the process was asked to stop.
        rank: Which of the processes this is; the first writes the run's folder and logs.
        task: What the model is trained for.
        logger: The logger of the `logger` group, while the run trains; None in the other processes.
    """

    spec: RunSpec
    record: RecordWriter
    compute: Compute
    stop: StopRequest
    rank: int = 0
    task: Task = DETECT
    logger: RunLogger | None = None

    def __post_init__(self) -> None:
        self.checkpoints = Checkpoints(self.folder / "checkpoints")

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config."""
        return self.spec.config

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.spec.folder

    @property
    def plots(self) -> Path:
        """The folder of the run's pictures."""
        return self.folder / "plots"

    @property
    def leads(self) -> bool:
        """Whether this process writes the run's folder and logs."""
        return self.rank == 0
