"""Who trains in a run's folder: the lock file `run.lock`, which expires when its holder dies.

Two commands that work on one sweep, on one machine or on two that share a disk, never train the same run twice.

**The file.** Whoever creates `run.lock` exclusively (`open(…, "x")`) holds the run. It says who that is (host, process
number, when the process was started, a random token) and is touched every `RENEWED_EVERY` seconds. Its holder removes
it at the end.

**Who may take it over, and when.** A lock is abandoned when its holder is known to be gone, or where that cannot be
known, when it was not touched for `EXPIRES_AFTER` seconds:

    the holder is …                                          abandoned
    a process of this machine that does not run               at once
    a process of this machine that was started when it says   never, however long it sleeps
    a number that another process has now                     after 60 s without a touch
    on another machine, or in another container               after 60 s without a touch

The age of a file is judged by the clock of the disk that it lies on (`_silence`), since two machines' clocks differ.

**Taking over, by an example.** A and B both find the lock of a dead process D, whose content has the hash `d1`:

1. Each tries to create `run.lock.d1` exclusively. A succeeds: it alone may replace this very lock.
2. A reads `run.lock` again. It still says D, so A replaces it by its own in one step and removes `run.lock.d1`.
3. B failed to create `run.lock.d1`, waits a moment, reads `run.lock` and finds A alive: B is refused.

Were B so slow that it gets to create `run.lock.d1` only after A has removed it, it finds at step 2 that `run.lock` no
longer says D and replaces nothing. Had A died between 1 and 2, `run.lock.d1` would be removed after 60 seconds.

**A holder that was asleep.** A laptop that wakes up after minutes may find that another machine has taken its run over.
It notices at its next touch, sets `lost`, and its training ends without writing anything more.
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
"""Seconds between two touches of the file."""
EXPIRES_AFTER = 60.0
"""Seconds without a touch after which a holder that cannot be asked is taken for dead."""
_LARGEST = 2**16
"""Bytes of a lock that are read."""


class RunLockedError(UserError):
    """Another living process trains this run."""


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock, as the lock describes it.

    Attributes:
        host: Its machine and, among containers, its process namespace.
        pid: Its number there.
        started: When it was started, in seconds since 1970 by its machine's clock; process numbers are used again.
        token: Random; distinguishes this lock from every other.
    """

    host: str
    pid: int
    started: float
    token: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host.partition(' ')[0]}"


def lock_holder(folder: Path) -> Holder | None:
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
    return _parse(seen[0]) or Holder("an unknown host", 0, 0.0, "")


class RunLock:
    """Holds a run's folder for this process, as a context manager.

    Args:
        folder: The run's folder.

    Attributes:
        file: The lock.
        lost: Whether another process has taken the run over while this one was asleep: nothing may be written any
            more.

    Raises:
        RunLockedError: On entering, if another living process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / LOCK
        process = psutil.Process()
        self.holder = Holder(machine(), process.pid, process.create_time(), uuid.uuid4().hex)
        self.lost = False
        self._content = (json.dumps(asdict(self.holder)) + "\n").encode()
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
        threading.Thread(target=self._renew, name=f"lock of {self.file.parent.name}", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._released.set()
        if self._is_mine():
            self.file.unlink(missing_ok=True)

    def _create(self) -> bool:
        """Create the lock; False where there is another's. It may be there and ours, after we took it over."""
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
                right.unlink(missing_ok=True)  # whoever created it died within these few lines
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
    """Return the file whose creator alone may replace this very lock, and no later one: the content names it."""
    return lock.with_name(f"{LOCK}.{hashlib.sha256(content).hexdigest()[:12]}")


def _read(file: Path) -> tuple[bytes, float] | None:
    """Return a lock's content and when it was touched last; opening it makes a network disk look again."""
    try:
        with open_regular(file) as stream:
            if len(content := stream.read(_LARGEST + 1)) > _LARGEST:
                raise OSError(errno.EFBIG, "is larger than a lock", str(file))
            return content, os.fstat(stream.fileno()).st_mtime
    except FileNotFoundError:
        return None


def _parse(content: bytes) -> Holder | None:
    try:
        told: dict[str, Any] = parse_json(content)
        pid, started = whole(told["pid"], 0, 2**31 - 1), number(told["started"])
        return (
            None if pid is None or started is None else Holder(written(told["host"]), pid, started, str(told["token"]))
        )
    except (ValueError, KeyError, TypeError):
        return None


def _alive(content: bytes, renewed: float, file: Path) -> bool:
    """Whether the holder of a lock is alive, by the table at the top of this module."""
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
    """Return the seconds since a file was touched, by the clock of its disk; None where that cannot be asked."""
    probe = file.with_name(f"{LOCK}.{uuid.uuid4().hex[:12]}.now")
    try:
        probe.touch()
        now = probe.stat().st_mtime
        return now - (file.stat().st_mtime if renewed is None else renewed)
    except OSError:  # a disk that is full or read-only: nothing can be said
        return None
    finally:
        probe.unlink(missing_ok=True)
