"""run.json: what a run is, how it is going and how it ended; and which folder may hold it."""

import logging
import os
import platform
import shlex
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write, read_text
from yolograft.common.parsing import json_document, parse_json
from yolograft.common.typed import number, share, whole
from yolograft.runs.lock import RunLock, owner
from yolograft.runs.spec import RunSpec

log = logging.getLogger(__name__)

_PACKAGES = ("yolograft", "ultralytics", "torch", "torchvision", "pytorch-lightning", "timm", "hydra-core", "numpy")

MAX_RECORD = 32 * 2**20
"""Bytes of a run.json that are read: a hundred times those of a run with a thousand classes."""

Status = Literal["finished", "running", "failed", "stopped"]


class Record:
    """The record of one run, rewritten atomically whenever something is known.

    Args:
        spec: The run.
        writes: Of several processes that train together only one writes.

    Attributes:
        previous: What run.json said before; empty for a new run.
        began: Whether this start has come as far as its first step.

    Raises:
        UserError: If the folder holds another run, or a record that cannot be read: it may be another run's.
    """

    def __init__(self, spec: RunSpec, *, writes: bool = True) -> None:
        folder, identity = spec.folder, spec.identity
        self.file, self.writes = folder / "run.json", writes
        try:
            previous = _read(self.file)
        except FileNotFoundError:
            previous = {}
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise UserError(
                f"{self.file} cannot be read: {reason}; choose another folder with name=… or remove that one"
            ) from error
        if previous and previous.get("identity") != identity:
            raise UserError(
                f"{folder} holds another run (identity {previous.get('identity')}, this one is {identity}); "
                "choose another folder with name=… or remove that one"
            )
        self.previous = previous
        self.began = False
        self._seconds_before = float(self.previous.get("seconds") or 0.0)
        self._began = time.monotonic()
        self.fields: dict[str, Any] = {
            "status": "running",
            "identity": identity,
            **first_fields(spec),
            "metrics": self.previous.get("metrics"),
            "data": self.previous.get("data"),
            "best_epoch": self.previous.get("best_epoch"),
            "epochs_done": self.previous.get("epochs_done") or 0,
            "attempts": attempts(self.previous),
            "images_per_second": self.previous.get("images_per_second"),
            "loggers": self.previous.get("loggers") or {},
            "error": None,
            "started": self.previous.get("started") or _now(),
            "finished": None,
            **_circumstances(),
        }

    @property
    def finished(self) -> bool:
        """Whether this very run was finished before, and its result is there."""
        return self.previous.get("status") == "finished" and not self.flaw

    @property
    def flaw(self) -> str | None:
        """What a record that says `finished` lacks of a result; None for a sound one."""
        if self.previous.get("status") != "finished":
            return None
        if (self.previous.get("metrics") or {}).get("mAP50-95") is None:
            return "it holds no mAP50-95"
        return None if self.previous.get("epochs_done", 1) else "no epoch was done"

    @property
    def seconds(self) -> float:
        """Seconds of work on this run, over all the times it was started."""
        return self._seconds_before + time.monotonic() - self._began

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
        """Add or replace fields and write the file."""
        self.fields.update(fields, seconds=round(self.seconds, 3))
        if not self.writes:
            return
        atomic_write(self.file, json_document(self.fields))

    def end(self, status: str, error: BaseException | None = None) -> None:
        """Write how the run ended: `finished`, `failed` or `stopped`.

        Raises:
            UserError: It has finished and somebody has removed its folder.
        """
        if status == "finished":
            self.check_there()
        details = None if error is None else _details(error)
        if not self.file.parent.is_dir():  # removed, and said
            return
        if status == "failed":
            self.fields["attempts"] += 1
        try:
            self.update(status=status, error=details, finished=_now())
        except OSError as problem:  # the disk is full: the reason of the end must not be hidden by this
            log.error("%s: cannot be written: %s", self.file, problem)


def read_record(file: Path) -> dict[str, Any] | None:
    """Return the content of a run.json, or None where there is none that can be read.

    Fields that the program computes with (`_SOUND`) are of the right type and range, or None.
    """
    try:
        return _read(file)
    except (OSError, ValueError):
        return None


def _read(file: Path) -> dict[str, Any]:
    content = parse_json(read_text(file, MAX_RECORD))
    if not isinstance(content, dict):
        raise ValueError("is not a JSON object")
    return content | {key: None for key, sound in _SOUND.items() if key in content and not sound(content[key])}


def status_of(folder: Path, record: Mapping[str, Any]) -> Status | Any:
    """Return how a run is going: `stopped` also where its process is gone, `running` where it has been taken up again.

    Args:
        folder: The run's folder.
        record: What its run.json says; another status than ours is returned as it stands there.
    """
    status = record.get("status")
    if status == "finished":
        return status
    if owner(folder) is not None:
        return "running"
    return "stopped" if status == "running" else status


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return number(value) is not None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and whole(value) is not None


def _are_metrics(value: Any) -> bool:
    names = ("mAP50-95", "mAP50", "precision", "recall")
    return isinstance(value, dict) and all(share(value[name]) is not None for name in names if name in value)


def _is_error(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("type", "message"))


def _are_memories(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, dict) for one in value.values())


_SOUND: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("status", "identity", "name", "started"), _is_text),
    **dict.fromkeys(("seconds", "images_per_second", "gflops", "latency"), _is_number),
    **dict.fromkeys(("epochs", "epochs_done", "best_epoch", "attempts", "params"), _is_whole),
    "metrics": _are_metrics,
    "error": _is_error,
    "data": lambda value: isinstance(value, dict),
    "loggers": _are_memories,
}


def first_fields(spec: RunSpec) -> dict[str, Any]:
    """Return what is known of a run before anything is computed."""
    return {
        "name": spec.name,
        "choices": dict(spec.choices),
        "overrides": spec.overrides,
        "seed": spec.config["seed"],
        "epochs": spec.config["epochs"],
    }


def attempts(record: Mapping[str, Any]) -> int:
    """Return how many starts of a run have ended `failed`."""
    counted = record.get("attempts")
    return counted if isinstance(counted, int) else int(record.get("status") == "failed")


def record_death(spec: RunSpec, error: BaseException) -> bool:
    """Write into run.json that the run's process died, for it.

    Args:
        spec: The run, whose process may not even have begun its record.
        error: What became of the process.

    Returns:
        Whether it was written: the run may be finished, or another process may have taken it up.
    """
    folder, identity = spec.folder, spec.identity
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with RunLock(folder):
            told = read_record(folder / "run.json")
            if told and (told.get("identity") != identity or told.get("status") == "finished"):
                return False
            known = told or {
                "identity": identity,
                **first_fields(spec),
                "epochs_done": 0,
                "metrics": None,
                "started": _now(),
            }
            end = {"status": "failed", "error": _details(error), "attempts": attempts(known) + 1, "finished": _now()}
            atomic_write(folder / "run.json", json_document({**known, **end}))
    except (UserError, OSError) as problem:
        log.error("%s: %s", folder.name, problem)
        return False
    return True


def _details(error: BaseException) -> dict[str, str]:
    text = "".join(traceback.format_exception(error))
    return {"type": type(error).__name__, "message": str(error), "traceback": text}


def _circumstances() -> dict[str, Any]:
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
        "command": os.environ.get("YOLOGRAFT_COMMAND") or shlex.join(sys.argv),  # as typed; Hydra is given another
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
