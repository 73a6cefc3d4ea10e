"""How the threads of a computation wait for each other, and how many a person allows."""

import os
import sys

THREADS = "YOLOGRAFT_THREADS"
"""Environment variable: the most threads that `trainer.threads=auto` takes; the person's OMP_NUM_THREADS if not set."""

_WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "0"}
"""GNU's threads look 2000 times, some 40 µs, before they sleep.

Measured with YOLO11n at 320 px, batch 16, two threads on two cores, images/s of steps; libgomp's own is 300,000:

| looks   | nothing else runs | two such trainings at a time, each | beside a process that is always busy |
|---------|-------------------|------------------------------------|--------------------------------------|
| 0       | 23                | 9.0                                | 11.6                                 |
| 1,000   | 29                | 8.3                                | 10.4                                 |
| 3,000   | 32                | 7.3                                | 9.7                                  |
| 30,000  | 33                | not measured                       | 4.9                                  |
| 100,000 | 34                | not measured                       | 3.2                                  |

A whole training, loading included: 29 without looks, 34 with 2000.
"""


def configure() -> None:
    """Let OpenMP's threads sleep while they wait, if it is for long; torch reads this when it is loaded.

    Threads that spin take processors from everyone else, each other included; threads that sleep at once are woken
    thousands of times in a step. What the person has set stays, as it is: a spin count would overrule their policy.
    """
    if not _WAITING.keys() & os.environ.keys():
        os.environ.update(_WAITING)
    # ultralytics sets OMP_NUM_THREADS=1 when it is imported, and processes started later inherit that.
    if THREADS not in os.environ and "ultralytics" not in sys.modules:
        os.environ[THREADS] = os.environ.get("OMP_NUM_THREADS", "")


def allowed() -> int | None:
    """Return the most threads that the person allows; None where nothing is said."""
    first = os.environ.get(THREADS, "").partition(",")[0].strip()  # OMP_NUM_THREADS may be a list, one for each level
    return int(first) if first.isdecimal() and int(first) > 0 else None
