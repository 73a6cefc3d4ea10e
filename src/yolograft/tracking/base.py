"""What every logger is given of a run, and the promise that none of them stops or fails a training."""

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
        content: What was kept by an earlier start; empty at the first.
        save: Writes new content, for a run into run.json.
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

    Subclasses write `_metrics`, `_pictures`, `_weights` and `_close`, and are entered in `tracking.LOGGERS`.

    Args:
        run: The run.
        settings: The `logger` group, checked against `Settings`.

    Attributes:
        title: What a person calls it.
        packages: What must be installed; the extra that installs them is named after the logger.
        Settings: The schema of the `logger` group.
    """

    title: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    Settings: ClassVar[type[Strict]]

    def __init__(self, run: TrackedRun, settings: Mapping[str, Any]) -> None:
        self.run, self.settings = run, settings
        self._goes_on = bool(run.memory.content)
        self._broken = False

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
    def _metrics(self, metrics: dict[str, float], step: int | None) -> None: ...

    def _pictures(self, pictures: "Sequence[Picture]", names: Mapping[int, str], epoch: int) -> None:  # noqa: B027
        """Loggers that cannot show pictures leave them out."""

    def _weights(self, file: Path) -> None:  # noqa: B027
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
