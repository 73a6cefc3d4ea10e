"""Imported by the process that runs are forked from: what they all need, once.

Ctrl-C, and a scheduler that ends a job, reach every process of it. This one must outlive the runs that are writing
their checkpoints then (it leaves when the process that started it is gone). So it is started with those signals held
back (`isolation`), from its first instruction on, and leaves them so; a run lets them through as soon as it listens.
"""

import yolograft.training.train  # noqa: F401
