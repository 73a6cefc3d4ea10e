"""Who trains in a run's folder: a lock file that expires with its owner.

Two commands that work on one sweep, on one machine or on two that share a disk, never train the same run twice. A
lock is taken for abandoned when its process is known to be gone, or where that cannot be known, on another machine,
when it has not been renewed for a minute.
"""

import errno
import hashlib
import json
import logging
import os
import threading
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write, open_regular
from yolograft.common.parsing import parse_json
from yolograft.common.processes import machine
from yolograft.common.typed import number, whole, written

log = logging.getLogger(__name__)

LOCK = "run.lock"
RENEWED_EVERY = 5.0
"""Seconds between two signs of life."""
EXPIRES_AFTER = 60.0
"""Seconds without a sign of life after which an owner that cannot be asked is taken for dead."""
_LARGEST = 2**16
"""Bytes of a lock."""


class RunLockedError(UserError):
    """Another living process trains this run."""


@dataclass(frozen=True)
class Owner:
    """A process, as its lock tells of it.

    Attributes:
        host: Its machine, and among containers its process numbers' space.
        pid: Its number there.
        started: When it was started, in seconds since 1970 by its own clock: numbers are used again.
        token: Told from every other claim by this.
    """

    host: str
    pid: int
    started: float
    token: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host.partition(' ')[0]}"


def owner(folder: Path) -> Owner | None:
    """Return the living process that trains in a run's folder, or None.

    Args:
        folder: The run's folder.
    """
    file = folder / LOCK
    try:
        seen = _read(file)
    except (OSError, ValueError):  # no lock of ours: a folder, a FIFO, something huge
        return None
    if seen is None or not _alive(*seen, file):
        return None
    return _parse(seen[0]) or Owner("an unknown host", 0, 0.0, "")


class RunLock:
    """Holds a run's folder for this process, as a context.

    Args:
        folder: The run's folder.

    Attributes:
        lost: Whether the claim was taken over, after this process had been asleep for longer than a claim lasts:
            nothing may be written any more.

    Raises:
        RunLockedError: On entering, if another living process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / LOCK
        process = psutil.Process()
        self.owner = Owner(machine(), process.pid, process.create_time(), uuid.uuid4().hex)
        self.lost = False
        self._content = (json.dumps(asdict(self.owner)) + "\n").encode()
        self._released = threading.Event()

    def __enter__(self) -> "RunLock":
        try:
            while not self._create():
                seen = _read(self.file)
                if seen is None:
                    continue  # released in between
                if _alive(*seen, self.file):
                    holder = _parse(seen[0])
                    raise RunLockedError(f"{self.file.parent} is being trained by {holder or 'another process'}")
                self._take_over(seen[0])
        except OSError as error:  # a folder, a FIFO, something huge
            raise UserError(f"{self.file}: is no lock of a run ({error.strerror}); remove it") from error
        threading.Thread(target=self._renew, name=f"claim on {self.file.parent.name}", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._released.set()
        if self._is_mine():
            self.file.unlink(missing_ok=True)

    def _create(self) -> bool:
        """Write the lock where there is none; False where there is one. Ours may be there, taken over."""
        try:
            with self.file.open("xb") as stream:
                stream.write(self._content)
        except FileExistsError:
            return self._is_mine()
        except OSError as error:
            raise UserError(f"{self.file}: cannot be written ({error.strerror})") from error
        return True

    def _take_over(self, stale: bytes) -> None:
        """Replace an abandoned lock, unless another process is doing so or has done it."""
        right = _right_to_replace(self.file, stale)
        try:
            right.touch(exist_ok=False)
        except FileExistsError:
            if (silent := _silence(right)) is not None and silent > EXPIRES_AFTER:
                right.unlink(missing_ok=True)  # its maker died within these few lines
            time.sleep(0.05)
            return
        try:
            seen = _read(self.file)
            if seen and seen[0] == stale:
                atomic_write(self.file, self._content)
        finally:
            right.unlink(missing_ok=True)

    def _is_mine(self) -> bool:
        seen = _read(self.file)
        return seen is not None and seen[0] == self._content

    def _renew(self) -> None:
        while not self._released.wait(RENEWED_EVERY):
            try:
                if not self._is_mine() and not self._create():
                    self.lost = True
                    log.error("%s: another process has taken this run over", self.file.parent)
                    return
                os.utime(self.file)
            except (OSError, UserError) as problem:  # a network disk that is away for a moment, a folder that is gone
                log.debug("%s: not renewed: %s", self.file, problem)


def _right_to_replace(lock: Path, content: bytes) -> Path:
    """Return the file that who makes it may replace this very lock, and no later one: it is named after the content."""
    return lock.with_name(f"{LOCK}.{hashlib.sha256(content).hexdigest()[:12]}")


def _read(file: Path) -> tuple[bytes, float] | None:
    """Return a lock's content and when it was renewed last; opening it makes a network disk look again."""
    try:
        with open_regular(file) as stream:
            if len(content := stream.read(_LARGEST + 1)) > _LARGEST:
                raise OSError(errno.EFBIG, "is larger than a lock", str(file))
            return content, os.fstat(stream.fileno()).st_mtime
    except FileNotFoundError:
        return None


def _parse(content: bytes) -> Owner | None:
    try:
        told: dict[str, Any] = parse_json(content)
        pid, started = whole(told["pid"], 0, 2**31 - 1), number(told["started"])
        return (
            None if pid is None or started is None else Owner(written(told["host"]), pid, started, str(told["token"]))
        )
    except (ValueError, KeyError, TypeError):
        return None


def _alive(content: bytes, renewed: float, file: Path) -> bool:
    holder = _parse(content)
    if holder is not None and holder.host == machine():
        try:
            process = psutil.Process(holder.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            if abs(process.create_time() - holder.started) < 2:
                return True
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            pass
        # That number is another process's now, or the clock was set: time tells.
    silent = _silence(file, renewed)
    return silent is None or silent <= EXPIRES_AFTER


def _silence(file: Path, renewed: float | None = None) -> float | None:
    """Return the seconds since a file was touched, by the clock of its own disk: two machines' clocks differ."""
    probe = file.with_name(f"{LOCK}.{uuid.uuid4().hex[:12]}.now")
    try:
        probe.touch()
        now = probe.stat().st_mtime
        return now - (file.stat().st_mtime if renewed is None else renewed)
    except OSError:  # a disk that is full or read-only: nothing can be said
        return None
    finally:
        probe.unlink(missing_ok=True)
