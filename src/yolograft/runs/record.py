"""run.json as a type: what a run is, how it is going and how it ended.

`RunRecord` is the only reader of the file and `writer.RecordWriter` its only writer. The file may be a stranger's,
damaged, or written by another version of this program:

- A field of the wrong type or range is None (or empty), and named in `damaged`.
- A field that this version does not know is kept in `extra` and written back, so that going on with a run of a newer
  version loses nothing.
- A field that is not there has its default: records of version 0.1 have no `format`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from yolograft.common.files import read_text
from yolograft.common.metrics import METRICS, RECORDED_COSTS
from yolograft.common.parsing import is_deep, parse_json
from yolograft.common.typed import number, share, whole, written

T = TypeVar("T")

RUN_FILE = "run.json"
"""The record's name in a run's folder; a folder that holds it is a run's."""
FORMAT = 1
"""The version of the file's format that is written. It is raised when a field changes its meaning."""
MAX_RECORD = 32 * 2**20
"""Bytes of a run.json that are read: a hundred times those of a run with a thousand classes."""


@dataclass(frozen=True)
class RunError:
    """Why a run has failed or was stopped.

    Attributes:
        type: The exception's class.
        message: Its text.
        traceback: Where it was raised; None where nobody knows.
    """

    type: str
    message: str
    traceback: str | None = None


@dataclass(frozen=True)
class Metrics:
    """What the best weights reach on the validation images.

    Attributes:
        overall: Each metric over all classes, 0…1, by its key in `common.metrics`.
        per_class: The same by class name.
        extra: What this version does not know.
    """

    overall: Mapping[str, float] = field(default_factory=dict)
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Metrics":
        """Return the metrics in a mapping such as `evaluation.evaluate` returns; what is no share of 1 is left out."""
        overall = {key: share(value) for key, value in found.items()}
        known = {key: value for key, value in overall.items() if value is not None}
        classes = _mapping(found.get("per_class")) or {}
        return cls(
            overall=known,
            per_class={name: _shares(values) or {} for name, values in classes.items()},
            extra={key: value for key, value in found.items() if key not in (*known, *METRICS, "per_class")},
        )

    def to_json(self) -> dict[str, Any]:
        """Return them as they stand in run.json."""
        return {**self.overall, "per_class": {name: dict(each) for name, each in self.per_class.items()}, **self.extra}


@dataclass(frozen=True)
class RunRecord:
    """The content of a run.json.

    Attributes:
        format: Version of the file's format; None in records of version 0.1.
        status: `running`, `finished`, `failed` or `stopped`, as the run said last; see `states` for how it is now.
        identity: Hash of what decides the result; see `identity`.
        name: The folder's own name.
        choices: The option chosen in each config group.
        overrides: What Hydra makes the config from.
        seed: The run's seed.
        epochs: Epochs asked for.
        metrics: Of the best weights; None before the first epoch is over.
        data: What was found of the data: `fingerprint` (a hash of images and labels), `train`, `val`, `across`.
        best_epoch: Epoch of the best weights, from 1.
        epochs_done: Epochs done so far.
        attempts: How many starts have ended `failed`.
        costs: What the run has cost so far, by the keys of `RECORDED_COSTS`, which stand in run.json one by one.
        parts: Parameters by part.
        transfer: What `weights` brought: `weights`, `share` of the model's tensors, and by part (`parts`) how many are
            `matched`, `resized` and `missing`. None where a run began without.
        batch: Images in a training batch.
        first_batch: The same before it was halved for want of memory.
        threads: Threads of the computation.
        device: Such as `cuda:0`.
        precision: Such as `float16`.
        weights_sha256: Of best.safetensors once the run has ended.
        loggers: What each logger asked to be remembered, such as its run's id.
        error: Why it has failed or was stopped; None otherwise.
        started: When it was started first, ISO 8601.
        ended: When it ended last (`finished` in run.json).
        versions: Version by package.
        git_commit: Of the folder that the command was given in.
        host: Name of the machine.
        command: The command line.
        extra: Fields that this version does not know, as they stand in the file.
        damaged: Fields that were of the wrong type or range; not written.
        folder: Where it was read; not written.
    """

    format: int | None = None
    status: str | None = None
    identity: str | None = None
    name: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    seed: int | None = None
    epochs: int | None = None
    metrics: Metrics | None = None
    data: Mapping[str, Any] | None = None
    best_epoch: int | None = None
    epochs_done: int | None = None
    attempts: int = 0
    costs: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)
    transfer: Mapping[str, Any] | None = None
    batch: int | None = None
    first_batch: int | None = None
    threads: int | None = None
    device: str | None = None
    precision: str | None = None
    weights_sha256: str | None = None
    loggers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    error: RunError | None = None
    started: str | None = None
    ended: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    git_commit: str | None = None
    host: str | None = None
    command: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    damaged: frozenset[str] = frozenset()
    folder: Path | None = field(default=None, compare=False)

    @classmethod
    def read(cls, folder: Path) -> "RunRecord | None":
        """Return a run's record, or None where there is none that can be read.

        Args:
            folder: The run's folder.
        """
        try:
            return dataclasses.replace(cls.load(folder / RUN_FILE), folder=folder)
        except (OSError, ValueError):
            return None

    @classmethod
    def load(cls, file: Path) -> "RunRecord":
        """Return the record in a file.

        Raises:
            OSError: It cannot be opened, is no regular file or is too large.
            ValueError: It is no JSON object, or nested too deep.
        """
        content = parse_json(read_text(file, MAX_RECORD))
        if not isinstance(content, dict):
            raise ValueError("is not a JSON object")
        if is_deep(content):
            raise ValueError("is nested too deep")
        return cls.from_json(content)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "RunRecord":
        """Return the record that a JSON object describes."""
        found: dict[str, Any] = {}
        damaged = set()
        for key, read in _READERS.items():
            if (value := content.get(key)) is None:
                continue
            found[_ATTRIBUTES.get(key, key)] = read(value)
            if found[_ATTRIBUTES.get(key, key)] is None or (key == "metrics" and not _are_sound(value)):
                damaged.add(key)
        found = {name: value for name, value in found.items() if value is not None}
        costs = {key: _number(content[key]) for key in RECORDED_COSTS if content.get(key) is not None}
        damaged |= {key for key, value in costs.items() if value is None}
        if "attempts" not in content and found.get("status") == "failed":
            found["attempts"] = 1  # attempts were counted later than records were written
        return cls(
            **found,
            costs={key: value for key, value in costs.items() if value is not None},
            extra={key: value for key, value in content.items() if key not in _READERS and key not in RECORDED_COSTS},
            damaged=frozenset(damaged),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object: all fields, null where unknown."""
        content: dict[str, Any] = {}
        for name in (each.name for each in dataclasses.fields(self)):
            value = getattr(self, name)
            if name == "costs":
                content |= {key: value.get(key) for key in RECORDED_COSTS}
            elif name == "metrics":
                content[name] = None if value is None else value.to_json()
            elif name == "error":
                content[name] = None if value is None else dataclasses.asdict(value)
            elif name not in ("extra", "damaged", "folder"):
                content[_KEYS.get(name, name)] = _plain(value)
        return {**content, **self.extra}

    def changed(self, **changes: Any) -> "RunRecord":
        """Return the record with other values of some fields; costs go by their own keys, as in run.json."""
        costs = {key: changes.pop(key) for key in RECORDED_COSTS if key in changes}
        return dataclasses.replace(self, costs={**self.costs, **changes.pop("costs", {}), **costs}, **changes)

    def measured(self, key: str) -> float | None:
        """Return a metric or cost by its key in `common.metrics`; None where the record does not tell."""
        if key in METRICS:
            return None if self.metrics is None else self.metrics.overall.get(key)
        return self.costs.get(key)

    @property
    def seconds(self) -> float:
        """Seconds of work on this run so far, over all its starts."""
        return float(self.costs.get("seconds", 0.0))

    @property
    def fingerprint(self) -> str | None:
        """Hash of the images and labels that the run began with."""
        found = (self.data or {}).get("fingerprint")
        return found if isinstance(found, str) else None

    @property
    def is_pruned(self) -> bool:
        """Whether a search has ended the run early."""
        return self.status == "stopped" and self.error is not None and self.error.type == "Pruned"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    """Return a number as it is: a whole one stays whole."""
    return value if number(value) is not None else None


def _entries(read: Callable[[Any], T | None]) -> Callable[[Any], dict[str, T] | None]:
    def entries(value: Any) -> dict[str, T] | None:
        if not isinstance(value, Mapping):
            return None
        found = {key: read(each) for key, each in value.items()}
        return {key: each for key, each in found.items() if each is not None}

    return entries


_shares = _entries(share)


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) else None if value is None else written(value)


def _texts(value: Any) -> tuple[str, ...] | None:
    return tuple(each for item in value if (each := _words(item)) is not None) if isinstance(value, list) else None


def _mapping(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _mappings(value: Any) -> dict[str, dict[str, Any]] | None:
    return value if isinstance(value, dict) and all(isinstance(each, dict) for each in value.values()) else None


def _error(value: Any) -> RunError | None:
    if isinstance(value, str):
        return RunError("", value)
    if not isinstance(value, dict):
        return None
    return RunError(_text(value.get("type")) or "", _text(value.get("message")) or "", _text(value.get("traceback")))


def _are_sound(value: Any) -> bool:
    """Whether each of the metrics that a file names is a share of 1."""
    return all(share(value[name]) is not None for name in METRICS if name in value)


_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("format", "seed", "epochs", "best_epoch", "epochs_done", "attempts"), whole),
    **dict.fromkeys(("batch", "first_batch", "threads"), whole),
    **dict.fromkeys(("status", "identity", "name", "started", "finished", "git_commit", "host", "command"), _text),
    **dict.fromkeys(("device", "precision", "weights_sha256"), _text),
    "choices": _entries(_words),
    "overrides": _texts,
    "metrics": lambda value: Metrics.of(value) if isinstance(value, dict) else None,
    "data": _mapping,
    "transfer": _mapping,
    "parts": _entries(whole),
    "loggers": _mappings,
    "error": _error,
    "versions": _entries(_words),
}
"""How the value of each field in the file is read; None for one of the wrong type or range."""

_ATTRIBUTES = {"finished": "ended"}
_KEYS = {attribute: key for key, attribute in _ATTRIBUTES.items()}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
