"""One command's sweep: it leaves out what is finished, and a failure stays in its run."""

import logging
import time
from collections.abc import Sequence

from omegaconf import OmegaConf

from yolograft.common.files import atomic_write
from yolograft.common.log_setup import logged
from yolograft.runs.lock import EXPIRES_AFTER, RENEWED_EVERY
from yolograft.runs.record import RUN_FILE, RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.runs.states import cut_off, exhausted, state_of
from yolograft.runs.writer import record_death
from yolograft.sweep.constraint import Dropped
from yolograft.sweep.executors.base import Executor
from yolograft.sweep.executors.local import LocalExecutor
from yolograft.sweep.executors.settings import make_executor
from yolograft.sweep.executors.side_by_side import faster_side_by_side
from yolograft.sweep.ledger import Ledger
from yolograft.sweep.reporter import Reporter
from yolograft.sweep.request import SweepRequest
from yolograft.sweep.tracking import log_tables, say_what_waits
from yolograft.sweep.why import Failure, failures
from yolograft.training.stopping import StoppedError, asked

log = logging.getLogger(__name__)


class Sweep:
    """A sweep, from its ledger to its table.

    Args:
        request: What is asked for.
        command: The command line, for the ledger.
        specs: The runs to train; a search adds its own.
        dropped: Those of its combinations that a constraint leaves out.
        reporter: Is told when runs end.
        executor: Trains the runs; by default the one that is asked for.
    """

    def __init__(
        self,
        request: SweepRequest,
        command: str,
        specs: Sequence[RunSpec],
        dropped: Sequence[Dropped],
        reporter: Reporter,
        executor: Executor | None = None,
    ) -> None:
        self.request, self.command, self.reporter = request, command, reporter
        self.specs, self.dropped = list(specs), list(dropped)
        self.folder = request.folder
        self.executor = executor or make_executor(request.executor, request.executor_settings)
        self.ledger: Ledger | None = None

    def run(self) -> list[Failure]:
        """Train what is left of the sweep, and report it, also when it is stopped.

        Returns:
            The runs of this command that have not ended well, but for those that another command is training.

        Raises:
            UserError: A search cannot go on.
            StoppedError: The command was asked to stop.
        """
        with logged(self.request.logging):
            self.folder.mkdir(parents=True, exist_ok=True)
            multirun = OmegaConf.to_yaml(OmegaConf.create(self.request.config))
            atomic_write(self.folder / "multirun.yaml", multirun.encode(errors="surrogateescape"))
            try:
                if self.request.search is None:
                    self._train_grid()
                else:
                    from yolograft.sweep.search import SearchLoop

                    SearchLoop(self, self.request.search).run()
            finally:
                failed = self._close()
        return failed

    @property
    def all_specs(self) -> list[RunSpec]:
        """The runs of this command; of a search those that it has tried."""
        return self.specs if self.ledger is None else self.ledger.jobs

    def open_ledger(self, specs: Sequence[RunSpec]) -> Ledger:
        """Begin or go on with sweep.json.

        Args:
            specs: The runs that are planned so far.
        """
        kind = "optuna" if self.request.search else "grid"
        self.ledger = Ledger.open(self.folder, self.command, kind, specs, self.dropped)
        return self.ledger

    def train(self, specs: Sequence[RunSpec]) -> None:
        """Give runs to the executor and wait for them; whatever becomes of them or of it, the caller goes on.

        Args:
            specs: What to train; none is fine. How they ended is in their run.json.

        Raises:
            StoppedError: The command was asked to stop.
        """
        if not specs:
            return
        _check_asked()
        try:
            outcomes = self.executor.run(specs, self._after_run)
            _check_asked()
        except (Exception, SystemExit) as error:  # of the executor's own: what happens in a run stays in it
            _check_asked()
            log.error("%s: %s", _names(specs), _line(error))
            log.debug("", exc_info=error)
            for spec in specs:
                if cut_off(spec.folder, spec.identity):
                    _record_lost(spec, error)
            return
        for spec, lost in zip(specs, outcomes, strict=True):
            if lost is not None:
                log.error("%s: %s", spec.name, _line(lost))
                _record_lost(spec, lost)

    def _train_grid(self) -> None:
        specs = self.specs
        self.open_ledger(specs)
        for spec, reason in self.dropped:
            log.warning("%s: dropped, %s", spec.name, reason)
        left = [spec for spec in specs if _is_wanted(spec)]
        if len(left) < len(specs):
            log.warning("%s of %s runs are left to do.", len(left) or "None", len(specs))
        if isinstance(self.executor, LocalExecutor) and (at_a_time := faster_side_by_side(left)) > 1:
            advice = (
                "One run at a time; %s at a time take less time on a CPU: hydra/launcher=joblib, also to go on with."
            )
            log.warning(advice, at_a_time)
        self._train_in_batches(left)
        # What another command was training when it died.
        self._train_in_batches([spec for spec in left if cut_off(spec.folder, spec.identity)])

    def _train_in_batches(self, specs: Sequence[RunSpec]) -> None:
        # One after the other anyway, and given one at a time it sees what other commands have done in the meantime.
        size = 1 if isinstance(self.executor, LocalExecutor) else self.request.batch or max(len(specs), 1)
        for first in range(0, len(specs), size):
            self.train([spec for spec in specs[first : first + size] if _is_free(spec)])

    def _after_run(self, spec: RunSpec) -> None:
        if self.ledger is not None:
            self.ledger.renew()
        try:
            self.reporter.after_run(self.folder)
        except Exception as error:  # noqa: BLE001 - a report that fails ends no sweep
            _warn(self.folder, error)

    def _close(self) -> list[Failure]:
        """Report the sweep and name every run that failed."""
        if self.ledger is None:  # nothing was begun
            return []
        self.ledger.renew()
        if any(self.folder.glob(f"*/{RUN_FILE}")):
            try:
                log_tables(self.folder, self.reporter.at_the_end(self.folder))
            except Exception as error:  # noqa: BLE001 - a report that fails ends no sweep
                _warn(self.folder, error)
            say_what_waits(self.folder)
        return failures(self.ledger.unfinished())


def _warn(folder: object, error: Exception) -> None:
    log.warning("%s: no report, because of %s: %s", folder, type(error).__name__, error)
    log.debug("", exc_info=error)


def _is_wanted(spec: RunSpec) -> bool:
    """Whether a run is still to be done; one that has failed too often is named."""
    match state_of(spec.folder, spec.identity):
        case "finished":
            return False
        case "failed" if exhausted(spec):
            limit = spec.config["attempts"]
            log.warning("%s has failed %s times: left out; attempts=0 tries it again.", spec.name, limit)
            return False
    return True


def _is_free(spec: RunSpec) -> bool:
    """Whether nobody has done a run in the meantime, or is at it."""
    state = state_of(spec.folder, spec.identity)
    if state == "running":
        log.warning("%s: another command is training it.", spec.name)
    return state not in ("finished", "running")


def _check_asked() -> None:
    """Raise where the command was asked to stop: what has broken since then has broken of that.

    Raises:
        StoppedError: It was.
    """
    if (signum := asked()) is not None:
        raise StoppedError(signum)


def _record_lost(spec: RunSpec, error: BaseException) -> None:
    """Write into run.json that a run's process is gone, unless the run has said how it ended.

    A run's process is known to be gone at once on this machine; on another one only by the age of its lock. For
    example Slurm kills a job at 12:00:00, which renewed its run.lock at 11:59:58: run.json still says `running`, and
    until 12:00:58 nobody can tell whether the process lives. Then the lock has expired, and `failed` is written.
    """
    deadline = time.monotonic() + EXPIRES_AFTER + RENEWED_EVERY
    while state_of(spec.folder, spec.identity) == "running" and time.monotonic() < deadline:
        time.sleep(1)
    record = RunRecord.read(spec.folder)
    if record is None or (record.identity in (None, spec.identity) and record.status in (None, "running")):
        record_death(spec, error)


def _names(specs: Sequence[RunSpec]) -> str:
    return specs[0].name if len(specs) == 1 else f"{len(specs)} runs, {specs[0].name} …"


def _line(error: object) -> str:
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
