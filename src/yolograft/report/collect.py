"""Runs as their folders tell of them: finished, failed, running and damaged alike."""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from yolograft.config.identity import shapes_result
from yolograft.errors import UserError
from yolograft.files import read_text
from yolograft.parsing import parse_json

RECORD = "run.json"
LEDGER = "sweep.json"

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it


Block = tuple[int | None, int | None]
"""Seed and fold: what runs are paired by."""


@dataclass(frozen=True)
class Run:
    """One run, read from its `run.json`. What the record does not tell, or tells in the wrong type, is None.

    Attributes:
        path: The run's folder.
        name: The run's name; the folder's where the record has none.
        status: `running`, `finished`, `failed` or `stopped`; `damaged` where the record cannot be read, `unknown`
            where it does not say.
        identity: Hash of what decides the result.
        choices: Chosen value by config group, such as `{"backbone": "yolo11", "neck": "conv"}`.
        overrides: The command line's overrides, such as `("backbone=effv1", "backbone.variant=b1")`.
        config: Every setting of `config.yaml` that shapes the result, under its dotted key; empty where there is none.
        seed: Seed of the run.
        fold: Which part of the data a k-fold run validates on.
        params: Number of parameters.
        parts: Number of parameters by part.
        gflops: GFLOPs at the run's image size.
        metrics: `mAP50`, `mAP50-95`, `precision`, `recall` in 0…1.
        per_class: The same by class.
        size: Bytes of the best weights on disk.
        images_per_second: Training speed.
        seconds: Training time.
        best_epoch: Epoch of the best weights.
        epochs_done: Epochs done so far.
        epochs: Epochs asked for.
        fingerprint: Hash of the images and labels.
        versions: Version by package, `yolograft` among them.
        conditions: How it was computed: `device`, `precision`, `batch`, as far as the record tells.
        error: First line of what went wrong, or None.
        traceback: All of it.
    """

    path: Path
    name: str
    status: str
    identity: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    fold: int | None = None
    params: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    gflops: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    size: int | None = None
    images_per_second: float | None = None
    seconds: float | None = None
    best_epoch: int | None = None
    epochs_done: int | None = None
    epochs: int | None = None
    fingerprint: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the run went to its end, so that its numbers may be compared."""
        return self.status == "finished"

    @property
    def sweep(self) -> str:
        """Name of the folder that its folder lies in."""
        return self.path.resolve().parent.name

    @property
    def block(self) -> Block:
        """What a run shares with its counterparts of other variants."""
        return self.seed, self.fold

    @property
    def progress(self) -> str:
        """Status in words, with the epochs of a run that did not end."""
        if self.finished or self.epochs_done is None:
            return self.status
        return f"{self.status} {self.epochs_done}/{self.epochs}" if self.epochs else f"{self.status} {self.epochs_done}"


@dataclass(frozen=True)
class Waiting:
    """A sweep of which runs have not begun.

    Attributes:
        folder: The sweep's folder.
        count: How many of its runs have no folder of their own yet.
        runs: How many it asks for.
    """

    folder: Path
    count: int
    runs: int

    def __str__(self) -> str:
        """`5 of 8 runs of multirun/grid`."""
        return f"{self.count} of {self.runs} runs of {self.folder}"


def not_begun(folders: Sequence[Path], runs: Sequence[Run] = ()) -> list[Waiting]:
    """Looks up, in each sweep's `sweep.json`, which of its runs have left nothing yet.

    Args:
        folders: Sweep folders.
        runs: Runs read; the folders that they lie in count too.
    """
    found = {}
    for folder in dict.fromkeys([*folders, *(run.path.parent for run in runs)]):
        try:
            content = parse_json(read_text(folder / LEDGER))
        except (OSError, ValueError):
            continue
        planned = _list(_mapping(content).get("runs"))
        names = {name for run in planned if (name := _text(_mapping(run).get("name"))) and _is_name(name)}
        if waiting := [name for name in names if not (folder / name / RECORD).exists()]:
            found[folder.resolve()] = Waiting(folder, len(waiting), len(names))
    return list(found.values())


def is_sweep(folder: Path, runs: Sequence[Run]) -> bool:
    """Whether a folder is one sweep's: with a ledger, or (made before there were ledgers) with all runs right below."""
    return (folder / LEDGER).exists() or {run.path.parent for run in runs} == {folder}


def _is_name(text: str) -> bool:
    """Whether a text is the name of a folder within the sweep's, not a way out of it."""
    return text not in (".", "..") and not set(text) & set("/\\\0") and len(text) < 256


def collect(folders: Sequence[Path]) -> list[Run]:
    """Reads every run below some folders.

    Args:
        folders: Sweep folders, or single runs' folders. A run below two of them is read once.

    Returns:
        The runs, ordered by path. A record that cannot be read is a run of status `damaged`.

    Raises:
        UserError: A folder does not exist or holds no run.
    """
    found: dict[Path, Run] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; name a sweep's folder, such as multirun/NAME, or a run's")
        records = [Path(record) for record in _records(folder)]
        if not records and (waiting := not_begun([folder])):
            raise UserError(f"{waiting[0]} not begun: there is nothing to report yet")
        if not records:
            raise UserError(f"{folder}: no run in it (no {RECORD} below); name a sweep's folder or a run's")
        for record in records:
            found.setdefault(record.parent.resolve(), read_run(record))
    return [found[path] for path in sorted(found)]


def read_run(record: Path) -> Run:
    """Reads one `run.json`; never raises for what stands in it."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        # str(OSError) repeats the path, which the run has already
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return _damaged(record, reason or type(error).__name__)
    if not isinstance(content, dict):
        return _damaged(record, "not a JSON object")
    config = _config(record.with_name("config.yaml"))
    metrics = _mapping(content.get("metrics"))
    return Run(
        path=record.parent,
        name=_text(content.get("name")) or record.parent.name,
        status=_text(content.get("status")) or "unknown",
        identity=_text(content.get("identity")),
        choices={group: str(value) for group, value in _mapping(content.get("choices")).items() if value is not None},
        overrides=tuple(str(item) for item in _list(content.get("overrides"))),
        config={key: str(value) for key, value in config.items() if shapes_result(key) and key not in _BLOCK},
        seed=_whole(content.get("seed")),
        fold=_whole(config.get("dataset.fold")),
        params=_whole(content.get("params")),
        parts=_numbers(content.get("parts"), _whole),
        gflops=_number(content.get("gflops")),
        metrics=_numbers(metrics, _number),
        per_class={name: _numbers(values, _number) for name, values in _mapping(metrics.get("per_class")).items()},
        size=_size(record.parent / "checkpoints" / "best.safetensors"),
        images_per_second=_number(content.get("images_per_second")),
        seconds=_number(content.get("seconds")),
        best_epoch=_whole(content.get("best_epoch")),
        epochs_done=_whole(content.get("epochs_done")),
        epochs=_whole(content.get("epochs")),
        fingerprint=_text(_mapping(content.get("data")).get("fingerprint")),
        versions={name: str(value) for name, value in _mapping(content.get("versions")).items()},
        conditions={name: str(content[name]) for name in _CONDITIONS if content.get(name) is not None},
        error=_error(content.get("error")),
        traceback=_text(_mapping(content.get("error")).get("traceback")),
    )


def _records(folder: Path) -> Iterator[str]:
    """Yields the records below a folder; looks into no hidden folder and no run's own folders."""
    for parent, below, files in os.walk(folder):
        if RECORD in files:
            yield os.path.join(parent, RECORD)  # noqa: PTH118 (os.walk speaks in strings)
            below.clear()
        below[:] = [name for name in below if not name.startswith(".")]


_BLOCK = ("seed", "dataset.fold")
_CONDITIONS = ("device", "precision", "batch")


def _config(file: Path) -> dict[str, Any]:
    """The settings of a `config.yaml` by dotted key; none where it cannot be read."""
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return dict(_flat(content)) if isinstance(content, dict) else {}


def _flat(content: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _damaged(record: Path, reason: str) -> Run:
    return Run(path=record.parent, name=record.parent.name, status="damaged", error=f"{RECORD}: {reason}")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    """A finite number, else None: Python's JSON reads NaN, which no comparison survives."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond any float
        return None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None


def _numbers(value: Any, read: Any) -> dict[str, Any]:
    """The entries that are numbers; nested ones (`per_class`) are left to who needs them."""
    numbers = {key: read(entry) for key, entry in _mapping(value).items()}
    return {key: number for key, number in numbers.items() if number is not None}


def _error(value: Any) -> str | None:
    """`Type: first line of the message` of an error as `run.json` holds it."""
    if isinstance(value, dict):
        kind, message = _text(value.get("type")), _text(value.get("message"))
        value = ": ".join(part for part in (kind, message) if part)
    lines = value.strip().splitlines() if isinstance(value, str) else []
    return lines[0] if lines else None
