"""Runs, read from their folders, whether finished, failed, running or damaged."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.files import read_text
from yolograft.common.metrics import derived
from yolograft.common.nested import dotted
from yolograft.common.parsing import parse_json, parse_yaml
from yolograft.common.text import plain_lines
from yolograft.common.typed import entries, items, mapping, share, text, whole, written
from yolograft.config.former import update_choices, update_config
from yolograft.runs.exports import read_exports
from yolograft.runs.identity import shapes_result
from yolograft.runs.record import RUN_FILE, Metrics, RunError, RunRecord
from yolograft.runs.spec import LEDGER
from yolograft.runs.states import status_of
from yolograft.runs.weights_file import best_weights, lacks_weights

_MAX_CONFIG = 4 * 2**20
"""Bytes of a config.yaml that are read."""
_MAX_TRACEBACK = 50_000
"""Letters of a traceback that are kept, from its end."""
_DEEPEST = 40
"""Folders below each other in which runs are looked for."""

Block = tuple[int | None, int | None]
"""Seed and fold: what runs are paired by."""


@dataclass(frozen=True)
class Run:
    """One run, read from its `run.json`. What the record lacks, or has in a wrong type or range, is None.

    All text is harmless in any output: one line, without control characters, of bounded length.

    Attributes:
        path: The run's folder.
        name: The run's name; the folder's where the record has none.
        status: `running`, `finished`, `failed` or `stopped` (also where its process is gone); `damaged` where the
            record cannot be read, `unknown` where it does not say.
        identity: Hash of what decides the result.
        choices: Chosen value by config group, such as `{"backbone": "yolo11", "neck": "conv"}`.
        overrides: The command line's overrides, such as `("backbone=effv1", "backbone.variant=b1")`.
        config: Every setting of `config.yaml` that shapes the result, under its dotted key; empty where there is none.
        seed: Seed of the run.
        fold: Which part of the data a k-fold run validates on.
        costs: What it costs, by the keys of `COSTS` (`params`, `gflops`, …), as far as that is known.
        parts: Number of parameters by part.
        transfer: What `weights` brought, by part: how many tensors were `matched`, `resized`, `missing`.
        metrics: `mAP50`, `mAP50-95`, `precision`, `recall` in 0…1.
        per_class: The same by class.
        best_epoch: Epoch of the best weights.
        epochs_done: Epochs done so far.
        epochs: Epochs asked for.
        fingerprint: Hash of the images and labels.
        versions: Version by package, `yolograft` among them.
        conditions: How it was computed: `device`, `precision`, `batch`, as far as recorded.
        exports: What became of the files that its best weights were exported to, by label (`onnx_int8`): `status`, and
            as far as known `size` in bytes and metrics.
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
    costs: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)
    transfer: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    best_epoch: int | None = None
    epochs_done: int | None = None
    epochs: int | None = None
    fingerprint: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    exports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
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
    """Return the sweeps whose `sweep.json` lists runs that have not begun.

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
        planned = items(mapping(content).get("runs"), _MANY)
        names = {name for run in planned if (name := text(mapping(run).get("name"))) and _is_name(name)}
        if waiting := [name for name in names if not (folder / name / RUN_FILE).exists()]:
            found[folder.resolve()] = Waiting(folder, len(waiting), len(names))
    return list(found.values())


def is_sweep(folder: Path, runs: Sequence[Run]) -> bool:
    """Return whether a folder is that of one sweep: it has a `sweep.json`, or (older) all runs right below it."""
    return (folder / LEDGER).exists() or {run.path.parent for run in runs} == {folder}


def _is_name(text: str) -> bool:
    """Return whether a text is a plain folder name, not a path that leads out of the sweep's folder."""
    return text not in (".", "..") and not set(text) & set("/\\\0") and len(text) < 256


def collect(folders: Sequence[Path]) -> list[Run]:
    """Read every run below some folders.

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
            raise UserError(f"{folder}: no run in it (no {RUN_FILE} below); name a sweep's folder or a run's")
        for record in records:
            found.setdefault(record.parent.resolve(), read_run(record))
    return [found[path] for path in sorted(found)]


def _status(folder: Path, record: RunRecord) -> str:
    """Return how a run is going; one that has finished and lost its best weights since is `damaged`."""
    status = text(status_of(folder, record)) or "unknown"
    has_kept = record.weights_sha256 is not None or "weights_sha256" in record.damaged
    return "damaged" if status == "finished" and has_kept and lacks_weights(folder, None) else status


def read_run(file: Path) -> Run:
    """Read one `run.json`; whatever its content, this never raises."""
    try:
        record = RunRecord.load(file)
    except (OSError, ValueError) as error:
        # str(OSError) repeats the path, which the run has already
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return _damaged(file, reason or type(error).__name__)
    config = _config(file.with_name("config.yaml"))
    metrics = record.metrics or Metrics()
    overall = entries(metrics.overall, share)
    computed = {"device": record.device, "precision": record.precision, "batch": record.batch}
    return Run(
        path=file.parent,
        name=text(record.name) or written(file.parent.name),
        status=_status(file.parent, record),
        identity=text(record.identity),
        choices={key: written(value) for key, value in mapping(update_choices(record.choices), _FEW).items()},
        overrides=tuple(map(written, record.overrides[:_MANY])),
        config={key: written(value) for key, value in config.items() if shapes_result(key) and key not in _BLOCK},
        seed=record.seed,
        fold=whole(config.get("dataset.fold")),
        costs=_costs(record, file.parent, overall),
        parts=entries(record.parts, whole, _FEW),
        transfer=_transfer(record),
        metrics=overall,
        per_class={name: entries(values, share) for name, values in mapping(metrics.per_class).items()},
        best_epoch=record.best_epoch,
        epochs_done=record.epochs_done,
        epochs=record.epochs,
        fingerprint=text(record.fingerprint),
        versions={name: written(value) for name, value in mapping(record.versions, _FEW).items()},
        conditions={name: written(value) for name, value in computed.items() if value is not None},
        exports=_exports(record, file.parent),
        error=_error(record.error),
        traceback=_traceback(record.error),
    )


def _records(folder: Path) -> Iterator[str]:
    """Yield the records below a folder, without hidden folders and the folders within runs."""
    above = len(folder.parts)
    for parent, below, files in os.walk(folder):  # follows no link
        if RUN_FILE in files:
            yield os.path.join(parent, RUN_FILE)  # noqa: PTH118 (os.walk speaks in strings)
            below.clear()
        below[:] = [name for name in below if not name.startswith(".")]
        if len(Path(parent).parts) - above >= _DEEPEST:
            below.clear()


_BLOCK = ("seed", "dataset.fold")
_FEW, _MANY = 100, 1000
"""Choices, parts and packages that are read of a run, and settings and overrides."""


def _config(file: Path) -> dict[str, Any]:
    """Return the settings of a `config.yaml` by dotted key; none where it cannot be read."""
    try:
        content = parse_yaml(read_text(file, _MAX_CONFIG))
    except (OSError, ValueError):
        return {}
    return dict(islice(dotted(update_config(content), written), _MANY)) if isinstance(content, dict) else {}


def _costs(record: RunRecord, folder: Path, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return what run.json says of the costs, the size of the best weights on disk, and what is derived from them."""
    try:
        size = {"size": best_weights(folder).stat().st_size}
    except OSError:
        size = {}
    costs = {**record.costs, **size}
    return {**costs, **derived({**metrics, **costs})}


def _exports(record: RunRecord, folder: Path) -> dict[str, dict[str, Any]]:
    """Return what became of the exports of a run's present weights."""
    found = {}
    for export in read_exports(folder):
        if record.weights_sha256 in (None, export.weights_sha256):
            size = {} if export.size is None else {"size": export.size}
            found[export.label] = {"status": export.status, **size, **entries(export.metrics, share)}
    return found


def _transfer(record: RunRecord) -> dict[str, dict[str, int]]:
    parts = mapping(mapping(record.transfer).get("parts"), _FEW)
    return {part: entries(found, whole, _FEW) for part, found in parts.items()}


def _damaged(file: Path, reason: str) -> Run:
    name = written(file.parent.name)
    return Run(path=file.parent, name=name, status="damaged", error=f"{RUN_FILE}: {written(reason)}")


def _error(error: RunError | None) -> str | None:
    """Return `Type: first line of the message`."""
    said = ": ".join(part for part in (error.type, error.message) if part) if error else ""
    lines = said.strip().splitlines()
    return text(lines[0]) if lines else None


def _traceback(error: RunError | None) -> str | None:
    return plain_lines(error.traceback[-_MAX_TRACEBACK:]) if error and error.traceback else None
