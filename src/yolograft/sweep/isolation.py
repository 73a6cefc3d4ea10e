"""Each run of a sweep in a process of its own, so that a crash, or memory that is not given back, ends that run alone.

Where there is a fork server, it imports what is heavy once, and every run starts within a moment.
"""

import faulthandler
import logging
import logging.config
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection, wait
from typing import Any

import psutil

from yolograft.runs.spec import RunSpec
from yolograft.runs.writer import record_death
from yolograft.training.start import start
from yolograft.training.stopping import StoppedError, StopRequest, held_back, let_through, stoppable

log = logging.getLogger(__name__)

_LEAVES_WITHIN = 60
"""Seconds that a process has for leaving after its training has ended."""
_HELD_BACK = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR2") if hasattr(signal, name))
"""Signals that the fork server never gets."""


class Killed(Exception):  # noqa: N818 (what run.json calls it)
    """A run's process ended without a word."""


def run_isolated(spec: RunSpec, logs: Mapping[str, Any], *, place: str = "") -> int:
    """Train in a process of its own and wait for it.

    Args:
        spec: The run.
        place: As for `start`.
        logs: How that process logs, as for `logging.config.dictConfig`.

    Returns:
        As `start`; 1 also where the process died, which run.json then says.

    Raises:
        StoppedError: After Ctrl-C or SIGTERM in this process; the run's process was stopped first.
    """
    with stoppable(silent=True) as stop:
        stop.check()
        context = _context()
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(spec, place, dict(logs), sender, dict(os.environ)), daemon=False)
        stop.check()
        try:
            process.start()
            sender.close()
            kind, value = _wait(process, receiver, stop)
        except (OSError, EOFError):  # the fork server has died
            stop.grace()
            stop.check()
            raise
        finally:
            if process.ident is not None and process.is_alive():  # asked twice to stop, or it hangs on its way out
                process.kill()
                process.join()
        if kind == "stopped" or (kind == "died" and process.exitcode in (-signal.SIGINT, -signal.SIGTERM)):
            stop.grace()
    stop.check()
    if kind == "ended":
        return value
    if kind == "stopped":
        log.warning("%s was stopped by %s.", spec.folder.name, signal.Signals(value).name)
        return 1
    death = Killed(_cause(process.exitcode))
    if record_death(spec, death):
        log.error("%s failed: %s", spec.folder.name, death)
    return 1


def _context() -> Any:
    """Return how processes are started; a fork server runs afterwards where there can be one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["yolograft.sweep.fork_server"])
    with held_back(*_HELD_BACK):
        forkserver.ensure_running()
    return context


def _wait(process: Any, receiver: Connection, stop: StopRequest) -> tuple[str, int]:
    """Return what the process said of its end: `ended` and a code, `stopped` and a signal, or `died`."""
    passed_on = False
    while not wait([receiver, process.sentinel], timeout=0.2):
        if stop.signum is not None and not passed_on:
            passed_on = True
            if os.name != "nt":  # there, terminate() means kill, and Ctrl-C has reached the process by itself
                process.terminate()
    try:
        answer: tuple[str, int] = receiver.recv() if receiver.poll() else ("died", 0)
    except (OSError, EOFError):
        answer = ("died", 0)
    process.join(_LEAVES_WITHIN)
    return answer


def _child(spec: RunSpec, place: str, logs: dict[str, Any], sender: Connection, environment: dict[str, str]) -> None:
    if hasattr(signal, "SIGUSR2"):  # submitit announces the end by it; the process that waits for this one acts
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    with stoppable(), let_through(*_HELD_BACK):
        os.environ.update(environment)  # the fork server has that of its own start
        # Its own way of starting processes is not for those that load data: each would import torch anew.
        multiprocessing.set_start_method(None, force=True)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        if logs:
            logging.config.dictConfig(logs)
        # A segmentation fault says where, too.
        faulthandler.enable((spec.folder / "train.log").open("a"), all_threads=False)
        try:
            answer = ("ended", start(spec, sweep=True, place=place).code)
        except StoppedError as stopped:
            answer = ("stopped", stopped.signum)
    logging.shutdown()
    sender.send(answer)


def _end_with_parent() -> None:
    """End this process, and what it started, when the one that waits for it is gone: nobody would know of it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    for process in psutil.Process().children(recursive=True):
        process.kill()
    os._exit(1)


def _cause(code: int | None) -> str:
    if code is None or code >= 0:
        return f"its process ended with exit code {code} before the training had"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = "; if the machine ran out of memory, use a smaller batch, imgsz or scale" if name == "SIGKILL" else ""
    return f"its process was ended by signal {-code} ({name}){hint}"
