"""A process that wants to train in a folder, among others; spawned, so it must be importable by name."""

from pathlib import Path
from typing import Any

from yolograft.training.claim import Claim, ClaimedError


def compete(folder: Path, start: Any, results: Any, leave: Any) -> None:
    """Claim the folder when told to, say whether that went well, and hold it until told to leave."""
    results.put("ready")
    start.wait()
    try:
        with Claim(folder):
            results.put("had it")
            leave.wait()
    except ClaimedError:
        results.put("had not")
