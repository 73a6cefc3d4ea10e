"""Imported by the process that runs are forked from: what they all need, once.

Ctrl-C, and a scheduler that ends a job, reach every process of it. This one must outlive the runs that are writing
their checkpoints then (it leaves when the process that started it is gone). So it is started with those signals held
back (`isolation`), from its first instruction on, and leaves them so; a run lets them through as soon as it listens.
"""

import os
import threading

from yolograft.common.ending import Ending
from yolograft.common.imports import own_process, uncollected

_starter, _imported = os.getppid(), threading.Event()


def _leave_with_starter() -> None:
    """End while importing, too: Python's fork server looks only afterwards."""
    while not _imported.wait(0.2):
        if os.getppid() != _starter:
            os._exit(0)


_watch = threading.Thread(target=_leave_with_starter)
_watch.start()
own_process()
Ending().code = 0  # it ends when nobody has a use for it
try:
    with uncollected():
        import yolograft.training.train  # noqa: F401 - what is imported here, forked processes have
finally:
    _imported.set()
    _watch.join()  # nothing else runs where processes are forked
