"""The only writer of run.json: the training keeps it, and who started a process that died ends it for that process."""

import logging
import platform
import shlex
import subprocess
import sys
import threading
import time
import traceback
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write
from yolograft.common.metrics import METRIC
from yolograft.common.parsing import json_document
from yolograft.runs.lock import RunLock
from yolograft.runs.record import FORMAT, RUN_FILE, RunError, RunRecord
from yolograft.runs.spec import RunSpec

log = logging.getLogger(__name__)

_PACKAGES = ("yolograft", "ultralytics", "torch", "torchvision", "pytorch-lightning", "timm", "hydra-core", "numpy")


class RecordWriter:
    """Keeps the record of one run; the file is rewritten atomically whenever something is known.

    Args:
        spec: The run.
        writes: Of several processes that train together only one writes.

    Attributes:
        file: The run.json.
        previous: What it said before this start; an empty record for a new run.
        now: What it says.
        began: Whether this start has come as far as its first step.

    Raises:
        UserError: The folder holds another run, or a record that cannot be read: it may be another run's.
    """

    def __init__(self, spec: RunSpec, *, writes: bool = True) -> None:
        folder, identity = spec.folder, spec.identity
        self.file, self.writes = folder / RUN_FILE, writes
        try:
            previous = RunRecord.load(self.file)
        except FileNotFoundError:
            previous = RunRecord()
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise UserError(
                f"{self.file} cannot be read: {reason}; choose another folder with name=… or remove that one"
            ) from error
        if previous != RunRecord() and previous.identity != identity:
            raise UserError(
                f"{folder} holds another run (identity {previous.identity}, this one is {identity}); "
                "choose another folder with name=… or remove that one"
            )
        self.previous = previous
        self.began = False
        self._updating = threading.Lock()
        self._began = time.monotonic()
        self.now = _begun(spec).changed(
            metrics=previous.metrics,
            data=previous.data,
            transfer=previous.transfer,
            best_epoch=previous.best_epoch,
            epochs_done=previous.epochs_done or 0,
            attempts=previous.attempts,
            costs=previous.costs,
            loggers=previous.loggers,
            started=previous.started or _now(),
            extra=previous.extra,
            **_circumstances(spec.command),
        )

    @property
    def is_new(self) -> bool:
        """Whether the run was never started before."""
        return self.previous == RunRecord()

    @property
    def finished(self) -> bool:
        """Whether this very run was finished before, and its result is there."""
        return self.previous.status == "finished" and not self.flaw

    @property
    def flaw(self) -> str | None:
        """What a record that says `finished` lacks of a result; None for a sound one."""
        record = self.previous
        if record.status != "finished":
            return None
        if record.measured(METRIC) is None:
            return f"it holds no {METRIC}"
        if "metrics" in record.damaged:
            return "one of its metrics is no number from 0 to 1"
        return "no epoch was done" if record.epochs_done == 0 or "epochs_done" in record.damaged else None

    @property
    def seconds(self) -> float:
        """Seconds of work on this run, over all the times it was started."""
        return self.previous.seconds + time.monotonic() - self._began

    def check_there(self) -> None:
        """Raise where somebody has removed the run's folder in the middle of the training.

        Raises:
            UserError: It is gone; what would be written now would lack its config and its first epochs.
        """
        if not self.file.exists():
            raise UserError(
                f"{self.file.parent} was removed while this run was training: nothing more is written; "
                "the same command trains it anew"
            )

    def update(self, **fields: Any) -> None:
        """Replace fields of the record (see `RunRecord.changed`) and write the file; threads may call this."""
        with self._updating:
            self.now = self.now.changed(**fields, seconds=round(self.seconds, 3))
            if self.writes:
                atomic_write(self.file, json_document(self.now.to_json()))

    def reload(self) -> None:
        """Take up what another process of this run has written."""
        self.now = RunRecord.read(self.file.parent) or self.now

    def end(self, status: str, error: BaseException | None = None) -> None:
        """Write how the run ended: `finished`, `failed` or `stopped`.

        Raises:
            UserError: It has finished and somebody has removed its folder.
        """
        if status == "finished":
            self.check_there()
        if not self.file.parent.is_dir():  # removed; an error says so already
            return
        attempts = self.now.attempts + (status == "failed")
        try:
            details = None if error is None else details_of(error)
            self.update(status=status, error=details, ended=_now(), attempts=attempts)
        except OSError as problem:  # the disk is full: the reason of the end must not be hidden by this
            log.error("%s: cannot be written: %s", self.file, problem)


def record_death(spec: RunSpec, error: BaseException) -> bool:
    """Write into run.json that the run's process died, in its stead.

    Args:
        spec: The run, whose process may not even have begun its record.
        error: What became of the process.

    Returns:
        Whether it was written: the run may be finished, or another process may have taken it up.
    """
    try:
        spec.folder.mkdir(parents=True, exist_ok=True)
        with RunLock(spec.folder):
            known = RunRecord.read(spec.folder)
            if known and (known.identity != spec.identity or known.status == "finished"):
                return False
            known = known or _begun(spec).changed(epochs_done=0, started=_now())
            ended = known.changed(status="failed", error=details_of(error), attempts=known.attempts + 1, ended=_now())
            atomic_write(spec.folder / RUN_FILE, json_document(ended.to_json()))
    except (UserError, OSError) as problem:
        log.error("%s: %s", spec.name, problem)
        return False
    return True


def details_of(error: BaseException) -> RunError:
    """Return an exception as a record keeps it."""
    return RunError(type(error).__name__, str(error), "".join(traceback.format_exception(error)))


def _begun(spec: RunSpec) -> RunRecord:
    """Return what is known of a run before anything is computed."""
    return RunRecord(
        format=FORMAT,
        status="running",
        identity=spec.identity,
        name=spec.name,
        choices=dict(spec.choices),
        overrides=tuple(spec.overrides),
        seed=spec.config["seed"],
        epochs=spec.config["epochs"],
    )


def _circumstances(command: str) -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "git_commit": _git_commit(),
        "host": platform.node(),
        "command": command or shlex.join(sys.argv),
    }


def _git_commit() -> str | None:
    """The commit of the folder that the person works in, if it is a git checkout."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
