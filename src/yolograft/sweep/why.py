"""Which runs of a sweep have not ended well, and why."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolograft.common.files import read_regular
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec

log = logging.getLogger(__name__)

_LAST_LINES = 6
"""Lines of a failed run's traceback or log that are shown at the end."""
_CRASH = ("Fatal Python error", "Windows fatal exception")
"""How Python's fault handler begins."""


@dataclass(frozen=True)
class Failure:
    """A run that has not ended well.

    Attributes:
        spec: The run.
        state: `failed`, `stopped` or `to do`.
        reason: Why, in one line or with the last lines of a traceback.
    """

    spec: RunSpec
    state: str
    reason: str


def failures(left: Sequence[tuple[RunSpec, str]]) -> list[Failure]:
    """Name the runs of a command that are not over, or not well.

    Args:
        left: Those runs and how each is going.

    Returns:
        All but those that another command is training at this moment, which are that one's affair.
    """
    for job, state in left:
        if state == "running":
            log.warning("%s: another command is training it.", job.name)
        elif state not in ("to do", "stopped"):
            log.error("%s: %s", job.name, _reason(job, state))
    if waiting := [job.name for job, state in left if state == "to do"]:
        log.error("%s not begun: %s", len(waiting), ", ".join(waiting[:3]) + (", …" if len(waiting) > 3 else ""))
    return [Failure(job, state, _reason(job, state)) for job, state in left if state != "running"]


def _reason(job: RunSpec, state: str) -> str:
    """Say why a run did not finish, with the last lines of what it has said."""
    record = RunRecord.read(job.folder)
    if record is None or (error := record.error) is None:
        return state
    if state == "stopped":  # asked for: there is nothing to look into
        return f"{state}: {error.message}"
    lines = (error.traceback or "").strip().splitlines()[-_LAST_LINES:]
    if len(lines) < 2:  # its process could not say any more: what it was at stands in its log
        lines = _last_lines(job.folder / "train.log")
    shown = "".join(f"\n    {line}" for line in lines)
    return f"{state}: {error.type}: {error.message}{shown}"


def _last_lines(file: Path) -> list[str]:
    """Return how a log ends, or where the crash that it ends with was."""
    try:
        lines = read_regular(file).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    crashes = [number for number, line in enumerate(lines) if line.startswith(_CRASH)]
    began = [number for number, line in enumerate(lines) if " GFLOPs at " in line]
    if crashes and (not began or crashes[-1] > began[-1]):
        return lines[crashes[-1] :][:_LAST_LINES]
    return lines[-_LAST_LINES:]
