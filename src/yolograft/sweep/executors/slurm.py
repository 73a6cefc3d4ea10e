"""Slurm's own word on jobs, through `squeue`: submitit asks the accounting, which many small clusters lack."""

import logging
import subprocess
import time
from collections.abc import Sequence

log = logging.getLogger(__name__)

_ENDED = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
    "TIMEOUT",
}  # fmt: skip
_ASKS_EVERY = 5.0
"""Seconds between two questions to Slurm's controller."""
_GRACE = 20.0
"""Seconds for a result to arrive over a network disk after Slurm has said that a job is over."""


class Watch:
    """Notices jobs that are over without a result: killed, cancelled, lost with their node.

    Args:
        jobs: Their numbers, as 12 or 12_0.
    """

    def __init__(self, jobs: Sequence[str]) -> None:
        self.jobs = list(jobs)
        self._asked = time.monotonic()
        self._over: dict[str, tuple[str, float]] = {}

    def gone(self) -> dict[str, str]:
        """Return the jobs that have been over for a while, with Slurm's word for it."""
        now = time.monotonic()
        if now - self._asked >= _ASKS_EVERY:
            self._asked = now
            known = states(self.jobs)
            if known is not None:
                for job in self.jobs:
                    state = known.get(job, "no longer known")
                    if state in _ENDED or job not in known:
                        self._over.setdefault(job, (state, now))
                    else:  # requeued
                        self._over.pop(job, None)
        return {job: state for job, (state, since) in self._over.items() if now - since >= _GRACE}


def states(jobs: Sequence[str]) -> dict[str, str] | None:
    """Ask Slurm how jobs are; one that it has forgotten is left out. None where it does not answer."""
    numbers = sorted({job.split("_")[0] for job in jobs})
    question = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T", f"--jobs={','.join(numbers)}"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError) as problem:
        log.debug("squeue: %s", problem)
        return None
    if answer.returncode != 0:
        if "invalid job id" in answer.stderr.lower():
            return {}
        log.debug("squeue: %s", answer.stderr.strip())
        return None
    return dict(line.split(maxsplit=1) for line in answer.stdout.splitlines() if " " in line.strip())


def cancel(jobs: Sequence[str]) -> None:
    """End jobs; those that run get SIGTERM first and write their checkpoints."""
    log.warning("Cancelling Slurm's jobs %s.", ", ".join(jobs))
    subprocess.run(["scancel", *jobs], capture_output=True, timeout=60, check=False)
