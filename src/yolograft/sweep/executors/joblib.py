"""`hydra/launcher=joblib`: several runs at a time on this machine."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any

from yolograft.common.processes import own_names_of_joblib
from yolograft.compute.sharing import JOBS_PER_MACHINE
from yolograft.runs.spec import RunSpec
from yolograft.sweep.executors.base import OnEnd, Outcome, count
from yolograft.sweep.executors.local import LocalExecutor
from yolograft.sweep.executors.side_by_side import side_by_side
from yolograft.sweep.executors.stopping import end_with, passing_on, terminate_children
from yolograft.sweep.executors.worker import Worker
from yolograft.training.stopping import held_back, let_through, stoppable

log = logging.getLogger(__name__)

_ASKING = (signal.SIGINT, signal.SIGTERM)


class JoblibExecutor:
    """Trains runs in joblib's processes; each takes a free GPU where there are several, and its part of the processors.

    Args:
        n_jobs: Runs at a time; `auto` is all GPUs, or without GPUs one for each processor.
        jobs_per_gpu: Runs that share a GPU.
    """

    def __init__(self, n_jobs: int | str, jobs_per_gpu: int) -> None:
        self.n_jobs, self.jobs_per_gpu = n_jobs, jobs_per_gpu

    def run(self, specs: Sequence[RunSpec], on_end: OnEnd) -> list[Outcome]:
        """Train the runs; see `Executor`."""
        from joblib import Parallel, delayed

        at_a_time = side_by_side(self.n_jobs, self.jobs_per_gpu, len(specs))
        log.warning("%s, %s at a time.", count(len(specs)), at_a_time)
        if at_a_time == 1:
            return LocalExecutor().run(specs, on_end)
        own_names_of_joblib()
        outcomes: list[Outcome] = [None] * len(specs)
        with passing_on(terminate_children) as stop:
            worker = Worker(environment={JOBS_PER_MACHINE: str(at_a_time)}, numbered=True)

            def calls() -> Iterator[Any]:
                for index, spec in enumerate(specs):
                    if stop.signum is not None:
                        return
                    yield delayed(_job)(worker, spec, index, os.getpid())

            # A fresh job as soon as another has ended: joblib takes the next from the iterator then.
            pool = Parallel(
                n_jobs=at_a_time,
                backend="loky",
                batch_size=1,
                pre_dispatch="n_jobs",
                return_as="generator_unordered",
            )
            with held_back(*_ASKING):  # from its processes, while they import; `stop` has a thread that hears them
                for index, outcome in pool(calls()):
                    outcomes[index] = outcome
                    on_end(specs[index])
        return outcomes


def _job(worker: Worker, spec: RunSpec, index: int, command: int) -> tuple[int, Outcome]:
    end_with(command)
    with stoppable(silent=True), let_through(*_ASKING):
        # joblib makes its own way of starting processes the default here, which the run's processes would not know.
        multiprocessing.set_start_method(None, force=True)
        return index, worker.outcome(spec)
