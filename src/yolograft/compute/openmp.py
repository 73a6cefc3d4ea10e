"""How the threads of a computation wait for each other, and how many a person allows."""

import os
import sys

THREADS = "YOLOGRAFT_THREADS"
"""Environment variable: the most threads that `trainer.threads=auto` takes; the person's OMP_NUM_THREADS if not set."""

_PASSIVE = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}


def configure() -> None:
    """Let OpenMP's threads sleep while they wait; torch reads this when it is loaded.

    Threads that spin take processors from everyone else, each other included: beside one busy process on two cores a
    training had a fifth of its speed. On a quiet machine sleeping costs nothing measurable. What the person has set
    stays.
    """
    for name, value in _PASSIVE.items():
        os.environ.setdefault(name, value)
    # ultralytics sets OMP_NUM_THREADS=1 when it is imported, and processes started later inherit that.
    if THREADS not in os.environ and "ultralytics" not in sys.modules:
        os.environ[THREADS] = os.environ.get("OMP_NUM_THREADS", "")


def allowed() -> int | None:
    """Return the most threads that the person allows; None where nothing is said."""
    first = os.environ.get(THREADS, "").partition(",")[0].strip()  # OMP_NUM_THREADS may be a list, one for each level
    return int(first) if first.isdecimal() and int(first) > 0 else None
