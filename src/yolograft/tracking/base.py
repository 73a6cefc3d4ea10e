"""What every logger is told of a run, and the promise that none of them stops or fails a training."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import Logger

from yolograft.common.metrics import OBJECTIVES
from yolograft.common.nested import dotted
from yolograft.common.text import plain
from yolograft.evaluation.pictures import Picture
from yolograft.runs.identity import variant_name
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec

log = logging.getLogger(__name__)

Status = Literal["finished", "failed", "stopped"]


@dataclass(frozen=True)
class Tracked:
    """A run as loggers see it.

    Attributes:
        folder: Its folder.
        name: Variant and seed.
        group: The sweep's name, or the project of a single run.
        choices: The option chosen in each config group.
        config: The resolved config, nested by group, without how it is logged.
        memory: What this logger asked to be remembered when the run was started before, such as its id.
        remember: Writes that into run.json.
    """

    folder: Path
    name: str
    group: str
    choices: Mapping[str, str]
    config: Mapping[str, Any]
    memory: Mapping[str, Any] = field(default_factory=dict)
    remember: Callable[[dict[str, Any]], None] = lambda memory: None

    @classmethod
    def of(cls, spec: RunSpec) -> "Tracked":
        """Return a run without what a logger remembers of earlier starts."""
        return cls(
            folder=spec.folder,
            name=variant_name(spec.choices, spec.config, spec.overrides),
            group=spec.group,
            choices={name: choice for name, choice in spec.choices.items() if name != "logger"},
            config={key: value for key, value in spec.config.items() if key != "logger"},
        )

    @property
    def tags(self) -> list[str]:
        """The choices as words: `backbone=effv1`."""
        return [f"{group}={choice}" for group, choice in self.choices.items()]

    @property
    def settings(self) -> dict[str, Any]:
        """Choices and config under flat names: `choices.backbone`, `optim.lr0`."""
        return dict(dotted({"choices": dict(self.choices), **self.config}))


def summary(record: RunRecord) -> dict[str, Any]:
    """Return a run in single values: `mAP50-95`, …, `params`, `parts/backbone`, …, `gflops`, `status`.

    Args:
        record: The run's record.
    """
    found: dict[str, Any] = {key: record.measured(key) for key in OBJECTIVES}
    found |= {"status": record.status, "best_epoch": record.best_epoch, "epochs_done": record.epochs_done}
    found |= {f"parts/{part}": params for part, params in record.parts.items()}
    if record.error is not None:
        found["error"] = f"{record.error.type}: {record.error.message}"
    return {name: value for name, value in found.items() if value is not None}


class RunLogger(Logger):
    """A logger of Lightning's that also takes a run's end; what goes wrong in it is said once and passed over.

    Subclasses write `_metrics`, `_pictures`, `_weights` and `_close`.

    Args:
        run: The run.
    """

    #: What a person calls it.
    title = ""

    def __init__(self, run: Tracked) -> None:
        super().__init__()
        self.run = run
        self._broken = False

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    @property
    def version(self) -> str:
        """Nothing: a run has one folder."""
        return ""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the config is known from the start."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values: an epoch's row of metrics.csv, or what a callback has at a step."""
        self._try(self._metrics, dict(metrics), step)

    def log_pictures(self, pictures: Sequence[Picture], names: Mapping[int, str], epoch: int) -> None:
        """Log validation images with their boxes.

        Args:
            pictures: The images.
            names: Class names by class number.
            epoch: The epoch of the weights that found the boxes.
        """
        self._try(self._pictures, pictures, {number: plain(name) for number, name in names.items()}, epoch)

    def log_weights(self, file: Path) -> None:
        """Log the best weights, where the settings ask for it."""
        self._try(self._weights, file)

    def close(self, status: Status, record: RunRecord) -> None:
        """End the logger's run.

        Args:
            status: How the run ended.
            record: The run's record.
        """
        known = {**summary(record), "status": status}
        if self.run.memory:  # an earlier start may have left its error there
            known.setdefault("error", "")
        self._try(self._close, status, known)

    @abstractmethod
    def _metrics(self, metrics: dict[str, float], step: int | None) -> None: ...

    def _pictures(self, pictures: Sequence[Picture], names: Mapping[int, str], epoch: int) -> None:
        """Loggers that cannot show pictures leave them out."""

    def _weights(self, file: Path) -> None:
        """Loggers that keep no files leave them out."""

    @abstractmethod
    def _close(self, status: Status, summary: dict[str, Any]) -> None: ...

    def _try(self, function: Callable[..., None], *arguments: Any) -> None:
        if self._broken:
            return
        try:
            function(*arguments)
        except Exception as error:  # whatever a logger's package raises, the training is worth more
            self._broken = True
            log.warning("%s: %s; the training goes on without it, metrics.csv has it all.", self.title, line(error))
            log.debug("", exc_info=True)


def line(error: Exception) -> str:
    """Return an error in one line of at most 300 characters."""
    return plain(" ".join(f"{type(error).__name__}: {error}".split()))[:300]
