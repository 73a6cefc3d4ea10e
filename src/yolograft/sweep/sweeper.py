"""The sweeper that can be repeated: it leaves out what is finished, and a failure stays in its run."""

import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import OmegaConf

from yolograft.runs.lock import EXPIRES_AFTER, RENEWED_EVERY
from yolograft.runs.record import read_record
from yolograft.runs.spec import RunSpec
from yolograft.runs.states import cut_off, exhausted, state_of
from yolograft.runs.writer import record_death
from yolograft.sweep.constraint import Dropped
from yolograft.sweep.ledger import Ledger
from yolograft.training.stopping import StoppedError, asked

log = logging.getLogger(__name__)


class GridSweeper(BasicSweeper):
    """Every combination of the values given, as Hydra's own sweeper, each trained once.

    Args:
        max_batch_size: So many runs are given to the launcher at a time.
        params: Values to sweep over, as `{"backbone": "yolo11,effv1"}`.

    Attributes:
        jobs: The runs that the command line means, composed when it was checked.
        dropped: Those of its combinations that a constraint leaves out.
    """

    jobs: ClassVar[Sequence[RunSpec]] = ()
    dropped: ClassVar[Sequence[Dropped]] = ()

    def sweep(self, arguments: list[str]) -> None:
        """Train what is left of the sweep."""
        assert self.config is not None
        assert self.launcher is not None
        folder = Path(self.config.hydra.sweep.dir)
        Ledger.open(folder, " ".join(sys.argv), "grid", self.jobs, self.dropped)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        for job, reason in self.dropped:
            log.warning("%s: dropped, %s", job.name, reason)
        left = [job for job in self.jobs if wanted(job)]
        if len(left) < len(self.jobs):
            log.warning("%s of %s runs are left to do.", len(left) or "None", len(self.jobs))
        self._train(left)
        # What another command was training when it died.
        self._train([job for job in left if cut_off(job.folder, job.identity)])

    def _train(self, jobs: Sequence[RunSpec]) -> None:
        """Give the launcher one batch of jobs after the other."""
        assert self.launcher is not None
        # The basic launcher does one after the other anyway, and given one at a time it sees what others have done.
        size = 1 if isinstance(self.launcher, BasicLauncher) else self.max_batch_size or max(len(jobs), 1)
        for first in range(0, len(jobs), size):
            launch(self.launcher, [job for job in jobs[first : first + size] if _is_free(job)], first)


def wanted(job: RunSpec) -> bool:
    """Whether a run is still to be done; one that has failed too often is named."""
    match state_of(job.folder, job.identity):
        case "finished":
            return False
        case "failed" if exhausted(job):
            limit = job.config["attempts"]
            log.warning("%s has failed %s times: left out; attempts=0 tries it again.", job.name, limit)
            return False
    return True


def _is_free(job: RunSpec) -> bool:
    """Whether nobody has done a run in the meantime, or is at it."""
    state = state_of(job.folder, job.identity)
    if state == "running":
        log.warning("%s: another command is training it.", job.name)
    return state not in ("finished", "running")


def launch(launcher: Launcher, jobs: Sequence[RunSpec], first: int) -> list[Any]:
    """Launch some jobs and wait for them; whatever becomes of them or of the launcher, the caller goes on.

    Args:
        launcher: Hydra's.
        jobs: What to train; none is fine.
        first: Hydra's number of the first job.

    Returns:
        What the jobs returned, in their order, None for one that did not; how they ended is in their run.json.

    Raises:
        StoppedError: The command was asked to stop.
    """
    if not jobs:
        return []
    _check_asked()
    try:
        returns = launcher.launch([job.overrides for job in jobs], initial_job_idx=first)
        _check_asked()
    except (Exception, SystemExit) as error:  # of the launcher's own: what happens in a job stays in it
        _check_asked()
        log.error("%s: %s", _names(jobs), _line(error))
        log.debug("", exc_info=error)
        for job in jobs:
            if cut_off(job.folder, job.identity):
                _record_lost(job, error)
        return [None] * len(jobs)
    values = []
    for job, returned in zip(jobs, returns, strict=True):
        ended = returned.status == JobStatus.COMPLETED
        if not ended:
            log.error("%s: %s", job.name, _line(returned._return_value))
            _record_lost(job, returned._return_value)
        values.append(returned.return_value if ended else None)
    return values


def _check_asked() -> None:
    """Raise where the command was asked to stop: what has broken since then has broken of that.

    Raises:
        StoppedError: It was.
    """
    if (signum := asked()) is not None:
        raise StoppedError(signum)


def _record_lost(job: RunSpec, error: BaseException) -> None:
    """Write into run.json that a job's process is gone, unless the run has told its end itself."""
    deadline = time.monotonic() + EXPIRES_AFTER + RENEWED_EVERY  # on another machine nothing tells but the claim's age
    while state_of(job.folder, job.identity) == "running" and time.monotonic() < deadline:
        time.sleep(1)
    record = read_record(job.folder / "run.json") or {}
    if record.get("identity", job.identity) == job.identity and record.get("status", "running") == "running":
        record_death(job, error)


def _names(jobs: Sequence[RunSpec]) -> str:
    return jobs[0].name if len(jobs) == 1 else f"{len(jobs)} runs, {jobs[0].name} …"


def _line(error: object) -> str:
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
