"""`hydra/launcher=joblib`: several runs at a time on this machine."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from hydra.core.utils import JobReturn

from yolograft.common.processes import own_names_of_joblib
from yolograft.compute.sharing import JOBS_PER_MACHINE
from yolograft.sweep.launchers.local import side_by_side
from yolograft.sweep.launchers.stopping import end_with, passing_on, terminate_children
from yolograft.sweep.launchers.worker import Worker, WorkersLauncher, runs
from yolograft.training.stopping import held_back, let_through, stoppable

log = logging.getLogger(__name__)

_ASKING = (signal.SIGINT, signal.SIGTERM)


class JoblibLauncher(WorkersLauncher):
    """Does jobs in joblib's processes; each takes a free GPU where there are several, and its part of the processors.

    Args:
        n_jobs: Jobs at a time; `auto` is all GPUs, or without GPUs half the processors.
        jobs_per_gpu: Runs that share a GPU.
    """

    def __init__(self, n_jobs: int | str, jobs_per_gpu: int) -> None:
        self.n_jobs, self.jobs_per_gpu = n_jobs, jobs_per_gpu

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Do the jobs and wait for them."""
        from joblib import Parallel, delayed

        at_a_time = side_by_side(self.n_jobs, self.jobs_per_gpu, len(job_overrides))
        log.warning("%s, %s at a time.", runs(len(job_overrides)), at_a_time)
        os.environ[JOBS_PER_MACHINE] = str(at_a_time)
        if at_a_time == 1:  # joblib would do it in this process, where the run itself listens for Ctrl-C
            return [self.worker(list(o), number) for number, o in enumerate(job_overrides, initial_job_idx)]
        own_names_of_joblib()
        with passing_on(terminate_children) as stop:
            worker = replace(self.worker, numbered=at_a_time > 1)

            def calls() -> Iterator[Any]:
                for number, overrides in enumerate(job_overrides, initial_job_idx):
                    if stop.signum is not None:
                        return
                    yield delayed(_job)(worker, list(overrides), number, os.getpid())

            # A fresh job as soon as another has ended: joblib takes the next from the iterator then.
            pool = Parallel(n_jobs=at_a_time, backend="loky", batch_size=1, pre_dispatch="n_jobs")
            with held_back(*_ASKING):  # from its processes, while they import; `stop` has a thread that hears them
                return list(pool(calls()))


def _job(worker: Worker, overrides: list[str], number: int, command: int) -> JobReturn:
    end_with(command)
    with stoppable(silent=True), let_through(*_ASKING):
        return _outcome(worker, overrides, number)


def _outcome(worker: Worker, overrides: list[str], number: int) -> JobReturn:
    # joblib makes its own way of starting processes the default here, which the run's processes would not know.
    multiprocessing.set_start_method(None, force=True)
    return worker.outcome(overrides, number)
