"""A process that wants to train in a folder, among others; spawned, so it must be importable by name."""

from pathlib import Path
from typing import Any

from yolograft.runs.lock import RunLock, RunLockedError


def compete(folder: Path, start: Any, results: Any, leave: Any) -> None:
    """RunLock the folder when told to, say whether that went well, and hold it until told to leave."""
    results.put("ready")
    start.wait()
    try:
        with RunLock(folder):
            results.put("had it")
            leave.wait()
    except RunLockedError:
        results.put("had not")
