"""The sweeps below a folder: how many of their runs are done, and how long the rest may take."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import fmean

from yolograft.common.errors import UserError
from yolograft.common.files import read_text
from yolograft.common.parsing import parse_json
from yolograft.common.times import duration
from yolograft.runs.record import RUN_FILE, RunRecord
from yolograft.runs.states import state_of
from yolograft.sweep import ledger
from yolograft.sweep.search_space import RESULT


@dataclass(frozen=True)
class Overview:
    """One sweep.

    Attributes:
        path: Its folder.
        counts: Runs by state, as `state_of` names them; `dropped` ones too.
        seconds_left: Estimate for what is left, as many side by side as now; None where nothing tells.
        changed: When a run's record was written last.
        command: What it was started with.
    """

    path: Path
    counts: Counter[str]
    seconds_left: float | None
    changed: datetime | None
    command: str

    @property
    def runs(self) -> int:
        """How many runs it asks for."""
        return self.counts.total() - self.counts["dropped"]


def overview(root: Path) -> list[Overview]:
    """Look at every sweep below a folder, the one changed last first.

    Raises:
        UserError: There is no such folder.
    """
    if not root.is_dir():
        raise UserError(f"root={root}: no such folder; sweeps lie where they were started, in multirun/")
    found = [_look(folder) for folder in _sweeps(root)]
    never = datetime.min.replace(tzinfo=timezone.utc)
    return sorted(found, key=lambda one: one.changed or never, reverse=True)


def place(run: Path) -> str:
    """Say which of its sweep's runs one is that is about to start, and how long they may take: `run 3 of 16, 2h left`.

    Args:
        run: The run's folder.
    """
    content = ledger.read(run.parent)
    names = [planned["name"] for planned in content.get("runs", [])]
    if run.name not in names:
        return ""
    seconds = _look(run.parent, starting=run.name).seconds_left
    # A search plans its runs as it goes; how many it may have stands in its settings.
    total = max(len(names), _trials(run.parent))
    if seconds is not None:
        seconds *= 1 + (total - len(names)) / max(sum(_is_left(run.parent / name) for name in names), 1)
    left = f", about {duration(seconds)} left" if seconds else ""
    return f"run {names.index(run.name) + 1} of {total}{left}"


def _trials(sweep: Path) -> int:
    try:
        trials = parse_json(read_text(sweep / RESULT))["n_trials"]
    except (OSError, ValueError, LookupError, TypeError):
        return 0
    return trials if isinstance(trials, int) else 0


def _is_left(run: Path) -> bool:
    return state_of(run) in ("running", "stopped", "to do")


def _sweeps(root: Path) -> Iterator[Path]:
    """Yield the folders that have a ledger, or runs right below them (made before there were ledgers)."""
    for parent, below, files in os.walk(root):
        if RUN_FILE in files:
            below.clear()
            continue
        below[:] = sorted(name for name in below if not name.startswith("."))
        folder = Path(parent)
        if ledger.FILE in files or "multirun.yaml" in files:
            yield folder


def _look(folder: Path, starting: str | None = None) -> Overview:
    """Look at a sweep.

    Args:
        folder: Its folder.
        starting: A run that is about to start counts as running.
    """
    content = ledger.read(folder)
    planned = {run["name"]: run["identity"] for run in content.get("runs", [])}
    if not content:
        planned = {file.parent.name: None for file in sorted(folder.glob(f"*/{RUN_FILE}"))}
    counts: Counter[str] = Counter(dropped=len(content.get("dropped", [])))
    took: list[float] = []
    epochs: list[float] = []  # of each run begun: seconds for all its epochs, at its pace so far
    left = 0.0  # in runs
    written: list[float] = []
    for name, identity in planned.items():
        state = "running" if name == starting else state_of(folder / name, identity)
        counts[state] += 1
        record = RunRecord.read(folder / name) or RunRecord()
        with suppress(OSError, ValueError):
            written.append((folder / name / RUN_FILE).stat().st_mtime)
        share = _share(record)
        if state == "finished":
            took.append(record.seconds)
        elif state in ("running", "stopped", "to do"):
            left += 1 - share
            if share:
                epochs.append(record.seconds / share)
    each = fmean(took) if took else fmean(epochs) if epochs else None
    seconds = 0.0 if not left else None if each is None else left * each / max(counts["running"], 1)
    return Overview(folder, counts, seconds, _moment(written), content.get("command", ""))


def _moment(written: list[float]) -> datetime | None:
    try:
        return datetime.fromtimestamp(max(written), timezone.utc)
    except (ValueError, OverflowError, OSError):  # none, or a clock beyond any calendar
        return None


def _share(record: RunRecord) -> float:
    """Return which share of its epochs a run has done."""
    return min(record.epochs_done / record.epochs, 1.0) if record.epochs_done and record.epochs else 0.0
