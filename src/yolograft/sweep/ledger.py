"""sweep.json: which runs a sweep has and how each is going.

How a run is going always comes from the run's own folder. So of several processes that write the ledger, on one machine
or on many, it does not matter which was last.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from yolograft.common.files import atomic_write, read_text, remove_abandoned
from yolograft.common.parsing import json_document, parse_json
from yolograft.common.typed import items, text
from yolograft.runs.spec import LEDGER, RunSpec
from yolograft.runs.states import State, state_of

log = logging.getLogger(__name__)

FILE = LEDGER
_MOST = 100_000
"""Runs that are read of a ledger."""


@dataclass
class Ledger:
    """sweep.json, as one command keeps it.

    Attributes:
        folder: The sweep's folder.
        jobs: The runs that the command asks for.
        dropped: Those of its combinations that are not to be trained, and why.
    """

    folder: Path
    jobs: list[RunSpec]
    dropped: list[tuple[RunSpec, str]]

    @classmethod
    def open(
        cls,
        folder: Path,
        command: str,
        sweeper: str,
        jobs: Sequence[RunSpec],
        dropped: Sequence[tuple[RunSpec, str]] = (),
    ) -> "Ledger":
        """Begin or go on with a sweep's ledger: what other commands have planned in this folder stays in it."""
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder)
        ledger = cls(folder, [], list(dropped))
        known = read(folder)
        left_out = {job.name for job, _ in dropped}
        _write(
            folder,
            {
                "command": command,
                "sweeper": sweeper,
                "created": known.get("created") or _now(),
                "updated": None,
                "runs": [run for run in known.get("runs", []) if run["name"] not in left_out],
                "dropped": [{"name": job.name, "overrides": job.overrides, "reason": why} for job, why in dropped],
            },
        )
        ledger.add(jobs)
        return ledger

    def add(self, jobs: Iterable[RunSpec]) -> None:
        """Plan more runs."""
        self.jobs += jobs
        self.renew()

    def renew(self) -> None:
        """Write anew how the runs of the sweep are going."""
        content = read(self.folder)
        if not content:
            return
        runs = {run["name"]: run for run in content.get("runs", [])}
        # Each time: another command, which wrote at the same moment, may not have seen them.
        runs |= {
            job.name: {"name": job.name, "identity": job.identity, "overrides": job.overrides} for job in self.jobs
        }
        for run in runs.values():
            run["status"] = state_of(self.folder / run["name"], run["identity"])
        _write(self.folder, {**content, "runs": list(runs.values())})

    def unfinished(self) -> list[tuple[RunSpec, State]]:
        """Return the runs of this command that are not over, or not well, and how they are going."""
        states = [(job, state_of(job.folder, job.identity)) for job in self.jobs]
        return [(job, state) for job, state in states if state not in ("finished", "pruned")]


def read(folder: Path) -> dict[str, Any]:
    """Return a sweep's ledger; empty where there is none that can be read."""
    try:
        content = parse_json(read_text(folder / FILE))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    # A name that is a path would be looked for, and written to, outside the sweep's folder.
    runs = [run for run in items(content.get("runs"), _MOST) if isinstance(run, dict) and _is_name(run.get("name"))]
    runs = [run | {"identity": str(run.get("identity"))} for run in runs]
    dropped = [one for one in items(content.get("dropped"), _MOST) if isinstance(one, dict)]
    return content | {"command": text(content.get("command")) or "", "runs": runs, "dropped": dropped}


def _is_name(value: Any) -> bool:
    """Whether a folder of that name may lie in the sweep's."""
    return isinstance(value, str) and value == Path(value).name and value not in ("", "..") and "\0" not in value


def _write(folder: Path, content: dict[str, Any]) -> None:
    content["updated"] = _now()
    try:
        atomic_write(folder / FILE, json_document(content))
    except OSError as problem:  # the runs' own records tell the same
        log.warning("%s: cannot be written: %s", folder / FILE, problem)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
