"""Ctrl-C and SIGTERM: finish the step, write the checkpoint, say how it ended.

Contexts that listen (`stoppable`) may lie within one another: a sweep, the launcher that it uses, a run. Whichever
hears a signal first, all know of it.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType

from yolograft.runs.lock import RunLock, RunLockedError

_SAME = 1.0
"""Seconds within which a signal that comes again is the same one: the scheduler, or the terminal, has sent it to the
whole group of processes, and one of them has passed it on."""


class StoppedError(BaseException):
    """A training that was asked to stop and did, with everything on disk.

    Not an `Exception`: a sweep's next run must not start after it.

    Args:
        signum: The signal that asked.

    Attributes:
        said: Whether the person has been told of it.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum
        self.said = False

    @property
    def exit_code(self) -> int:
        """The shell's convention: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signum


class StopRequest:
    """Remembers that the process was asked to stop; the same signal again stops it at once.

    Args:
        silent: Say nothing: another process, which is told too, does.
        outer: The request of the context around this one.

    Attributes:
        signum: The signal, or None.
        lock: The lock of the run's folder, where this process holds one: a training that lost it must end.
    """

    def __init__(self, silent: bool = False, outer: "StopRequest | None" = None) -> None:
        self.signum: int | None = outer.signum if outer else None
        self.silent = silent
        self.outer = outer
        self._asked: float = outer._asked if outer else 0.0
        self.lock: RunLock | None = None

    def check_lock(self) -> None:
        """Raise where this process may not write into the run's folder any more.

        Raises:
            RunLockedError: Another process has taken the run over, while this one slept.
        """
        if self.lock is not None and self.lock.lost:
            raise RunLockedError(f"{self.lock.file.parent} was taken over by another process")

    def check(self) -> None:
        """Raise where this process was asked to stop.

        Raises:
            StoppedError: It was.
        """
        if self.signum is not None:
            raise StoppedError(self.signum)

    def grace(self) -> None:
        """Wait a moment for a signal of our own, where a child was ended by the one that its whole group gets."""
        deadline = time.monotonic() + _SAME
        while self.signum is None and time.monotonic() < deadline:
            time.sleep(0.05)

    def listen(self) -> None:
        """Take the signals; called again where a library has put its own handlers in between."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._note)
            signal.signal(signal.SIGTERM, self._note)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.signum == signum and now - self._asked > _SAME:
            raise StoppedError(signum)
        if self.signum is None:
            self._asked = now
        if self.signum is None and not self.silent:
            sys.stderr.write("\nStopping after this step; Ctrl-C again after a second stops at once.\n")
        asked: StopRequest | None = self
        while asked is not None:
            asked.signum, asked._asked = asked.signum or signum, self._asked
            asked = asked.outer


_innermost: StopRequest | None = None


def asked() -> int | None:
    """Return the signal by which this process was asked to stop, where something in it listens; else None."""
    return _innermost.signum if _innermost else None


@contextmanager
def stoppable(silent: bool = False) -> Iterator[StopRequest]:
    """Listen for Ctrl-C and SIGTERM inside; the handlers are as before afterwards.

    Args:
        silent: Say nothing when one comes.
    """
    global _innermost  # noqa: PLW0603 - signal handlers are the process's, too
    outer = _innermost
    _innermost = request = StopRequest(silent, outer)
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    request.listen()
    try:
        yield request
    finally:
        _innermost = outer
        if threading.current_thread() is threading.main_thread():
            for signum, handler in before.items():
                signal.signal(signum, handler)


@contextmanager
def held_back(*signals: int) -> Iterator[None]:
    """Keep signals waiting while a process is started, which thus gets none before it listens (`let_through`).

    Where signals cannot be held back (Windows) nothing happens.

    Args:
        signals: Those of `signal`.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # Python 3.11 starts it when it is first needed, and lets signals through then
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def let_through(*signals: int) -> Iterator[None]:
    """Take signals inside that were held back when this process was started.

    Args:
        signals: Those of `signal`.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
