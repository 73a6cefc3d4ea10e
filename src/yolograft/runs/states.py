"""How a run is going, from its record and from whether a process trains it at this moment."""

from pathlib import Path
from typing import Literal

from yolograft.runs.lock import lock_holder
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.runs.weights_file import lacks_weights

State = Literal["finished", "pruned", "running", "failed", "stopped", "to do"]


def status_of(folder: Path, record: RunRecord) -> str | None:
    """Return a record's status as it is now.

    It is `stopped` also where the record says `running` and its process is gone, and `running` where a run that has
    ended is being trained again.

    Args:
        folder: The run's folder.
        record: Its record; a status of another version is returned as it stands there.
    """
    if record.status == "finished":
        return record.status
    if lock_holder(folder) is not None:
        return "running"
    return "stopped" if record.status == "running" else record.status


def state_of(folder: Path, identity: str | None = None) -> State:
    """Return how a run is going: `stopped` also where its process is gone, so that it will go on.

    `pruned` is over too: a search has ended it. A run whose best weights are damaged or gone is not finished.

    Args:
        folder: The run's folder.
        identity: A record of another run does not count.
    """
    record = RunRecord.read(folder) or RunRecord()
    if identity and record.identity != identity:
        record = RunRecord()
    status = status_of(folder, record)
    if status == "finished" and lacks_weights(folder, record.weights_sha256):
        return "stopped" if lock_holder(folder) is None else "running"
    if status == "stopped" and record.is_pruned:
        return "pruned"
    match status:
        case "finished" | "running" | "failed" | "stopped":
            return status
    return "to do"


def cut_off(folder: Path, identity: str) -> bool:
    """Whether a run's process is gone without having said how the run ended."""
    record = RunRecord.read(folder)
    return (
        record is not None
        and record.status == "running"
        and record.identity == identity
        and lock_holder(folder) is None
    )


def exhausted(spec: RunSpec) -> bool:
    """Whether a run has failed as often as it may."""
    record = RunRecord.read(spec.folder)
    limit = spec.config["attempts"]
    return bool(limit) and record is not None and record.identity == spec.identity and record.attempts >= limit
