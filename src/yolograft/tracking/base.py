"""What every logger is given of a run, and the base class, by which none of them stops or fails a training."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from yolograft.common.metrics import OBJECTIVES
from yolograft.common.nested import dotted
from yolograft.common.text import plain
from yolograft.config.schema import Strict
from yolograft.runs.identity import variant_name
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec

if TYPE_CHECKING:
    from yolograft.evaluation.pictures import Picture

log = logging.getLogger(__name__)

Status = Literal["finished", "failed", "stopped"]


@dataclass
class Memory:
    """What a logger keeps from one start of a run to the next, such as its own run's id.

    Attributes:
        content: What an earlier start has saved; empty at the first.
        save: Replaces what is kept, for the next start; for a run it is written into run.json at once, under `loggers`
            and the logger's kind. It must consist of what JSON has: mappings, lists, text, numbers, None.
    """

    content: Mapping[str, Any] = field(default_factory=dict)
    save: Callable[[dict[str, Any]], None] = lambda content: None


@dataclass(frozen=True)
class TrackedRun:
    """A run as loggers see it.

    Attributes:
        spec: The run.
        name: What it is called: variant and seed.
        memory: What this logger keeps of it.
    """

    spec: RunSpec
    name: str
    memory: Memory = field(default_factory=Memory)

    @classmethod
    def of(cls, spec: RunSpec, memory: Memory | None = None) -> "TrackedRun":
        """Return a run under its usual name."""
        return cls(spec, variant_name(spec.choices, spec.config, spec.overrides), memory or Memory())

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.spec.folder

    @property
    def choices(self) -> dict[str, str]:
        """The option chosen in each config group, without the logger's."""
        return {group: choice for group, choice in self.spec.choices.items() if group != "logger"}

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config, nested by group, without the logger's."""
        return {key: value for key, value in self.spec.config.items() if key != "logger"}

    @property
    def tags(self) -> list[str]:
        """The choices as words: `backbone=effv1`."""
        return [f"{group}={choice}" for group, choice in self.choices.items()]

    @property
    def settings(self) -> dict[str, Any]:
        """Choices and config under flat names: `choices.backbone`, `optim.lr0`."""
        return dict(dotted({"choices": self.choices, **self.config}))


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


class RunLogger(ABC):
    """Logs one run; the first error in it is reported in one line, and nothing more is logged.

    A subclass writes `_metrics` and `_close`, `_pictures` and `_weights` where it has a use for them, and is entered in
    `tracking.loggers.LOGGERS`. What it needs at the start it does in `__init__`: `open` reports an error there. None of
    its methods need to catch anything. There is one logger per start of a run, in the process that leads it:

    - `__init__`: The run begins, or goes on: then `run.memory.content` holds what the earlier start has given to
      `run.memory.save`, such as the id of the run on a server.
    - `_metrics` after each epoch, and whenever a callback of the user's logs something.
    - `_pictures` and `_weights` once, after the last epoch, with the best weights.
    - `_close` once, at the end of this start; not where the process is killed.

    A run that goes on after its last checkpoint passes only the epochs after it. So an epoch may be missing, where the
    process was killed between its checkpoint and `_metrics`, and may come again, where its checkpoint was damaged:
    metrics.csv has each of them once.

    Args:
        run: The run; a logger writes its files into `run.folder`.
        settings: The `logger` group, checked against `Settings`.

    Attributes:
        title: What a person calls it.
        packages: What must be installed; the extra that installs them is named after the logger. By default none.
        Settings: The schema of the `logger` group; the type of a file's name in it is `config.schema.FileName`.
    """

    title: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    Settings: ClassVar[type[Strict]]

    def __init__(self, run: TrackedRun, settings: Mapping[str, Any]) -> None:
        self.run, self.settings = run, settings
        self._goes_on = bool(run.memory.content)
        self._broken = False

    @classmethod
    def open(cls, run: TrackedRun, settings: Mapping[str, Any]) -> "RunLogger | None":
        """Return the logger of a run; None, after a warning, where it cannot be made.

        Args:
            run: The run.
            settings: The `logger` group, checked against `Settings`.
        """
        try:
            return cls(run, settings)
        except Exception as error:  # noqa: BLE001 - whatever a logger's package raises, the training is worth more
            _warn(cls.title, error)
            return None

    @classmethod  # noqa: B027 (a logger may have nothing to refuse)
    def check(cls, settings: Mapping[str, Any]) -> None:
        """Refuse settings that could not work here, before anything is loaded.

        Args:
            settings: The `logger` group.

        Raises:
            UserError: They could not.
        """

    @property
    def experiment(self) -> Any:
        """The package's own object, for a user's callbacks that know it; None where there is none."""
        return None

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values: an epoch's row of metrics.csv, or what a callback has at a step."""
        self._try(self._metrics, dict(metrics), step)

    def log_pictures(self, pictures: "Sequence[Picture]", names: Mapping[int, str], epoch: int) -> None:
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
        if self._goes_on:  # an earlier start may have left its error there
            known.setdefault("error", "")
        self._try(self._close, status, known)

    @abstractmethod
    def _metrics(self, metrics: dict[str, float], step: int | None) -> None:
        """Log values.

        Args:
            metrics: By name: after an epoch its row of metrics.csv (`epoch`, `train/box_loss`, `metrics/mAP50-95`, …);
                otherwise what a callback logs.
            step: The epoch, counted from 1; of a callback's values the step that Lightning counts, or None.
        """

    def _pictures(self, pictures: "Sequence[Picture]", names: Mapping[int, str], epoch: int) -> None:  # noqa: B027 - may be left out
        """Log pictures as in `log_pictures`; loggers that cannot show them leave them out."""

    def _weights(self, file: Path) -> None:  # noqa: B027 - may be left out
        """Log the file of the best weights; loggers that keep no files leave it out."""

    @abstractmethod
    def _close(self, status: Status, summary: dict[str, Any]) -> None:
        """Log the result and end the logger's run.

        Args:
            status: How this start of the run ended; one that has `stopped` or `failed` may go on later.
            summary: The run in single values, see `summary`, with the status.
        """

    def _try(self, function: Callable[..., None], *arguments: Any) -> None:
        if self._broken:
            return
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever a logger's package raises, the training is worth more
            self._broken = True
            _warn(self.title, error)


def _warn(title: str, error: Exception) -> None:
    log.warning("%s: %s; the training goes on without it, metrics.csv has it all.", title, line(error))
    log.debug("", exc_info=error)


def line(error: Exception) -> str:
    """Return an error in one line of at most 300 characters."""
    return plain(" ".join(f"{type(error).__name__}: {error}".split()))[:300]
