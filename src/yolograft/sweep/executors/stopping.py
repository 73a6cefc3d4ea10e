"""Ctrl-C and SIGTERM while runs go on in other processes."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from yolograft.training.stopping import StopRequest, stoppable


@contextmanager
def passing_on(tell: Callable[[], object]) -> Iterator[StopRequest]:
    """Note that this process is asked to stop instead of stopping at once, so that its runs can write checkpoints.

    Args:
        tell: Tells the runs; called once, from another thread.

    Raises:
        StoppedError: On leaving, if it was asked; within, if it was asked twice.
    """
    left = threading.Event()

    def watch() -> None:
        while not left.wait(0.1):
            if stop.signum is not None:
                tell()
                return

    with stoppable() as stop:
        threading.Thread(target=watch, daemon=True).start()
        try:
            yield stop
        except Exception:  # a process that died of the same signal
            stop.grace()
            stop.check()
            raise
        finally:
            left.set()
    stop.check()


def terminate_children() -> None:
    """Ask this process's own processes to stop. On Windows Ctrl-C has reached them by itself, and this would kill."""
    if os.name == "nt":
        return
    for child in psutil.Process().children():
        try:
            child.terminate()
        except psutil.Error:
            continue


def kill_descendants(process: psutil.Process) -> None:
    """End a process and all that it has started, at once."""
    try:
        family = [*process.children(recursive=True), process]
    except psutil.Error:
        return
    for member in family:
        try:
            member.kill()
        except psutil.Error:
            continue


def end_with(pid: int) -> None:
    """End this process, and all that it has started, when the command is gone that it works for: nobody waits for it.

    Args:
        pid: The command's process, on this machine.
    """
    if any(thread.name == f"end with {pid}" for thread in threading.enumerate()):
        return  # a process that does several jobs

    def watch() -> None:
        try:
            command = psutil.Process(pid)
            while command.is_running() and command.status() != psutil.STATUS_ZOMBIE:
                time.sleep(1)
        except psutil.Error:
            pass
        kill_descendants(psutil.Process())

    threading.Thread(target=watch, name=f"end with {pid}", daemon=True).start()
