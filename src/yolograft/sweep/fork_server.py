"""Imported by the process that runs are forked from: what they all need, once.

A scheduler that ends a job tells every process of it. This one must outlive the runs that are writing their checkpoints
then (it leaves when the process that started it is gone), and neither it nor they may die of the signal by which
submitit announces the end.
"""

import signal

import yolograft.training.train  # noqa: F401

for name in ("SIGTERM", "SIGUSR2"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
