"""`hydra/launcher=submitit_slurm` and `submitit_local`: each run a job of a cluster, or of submitit on this machine."""

import logging
import os
import signal
import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
from hydra.core.utils import JobReturn

from yolograft.compute.sharing import JOBS_PER_MACHINE, cores
from yolograft.sweep.launchers import slurm
from yolograft.sweep.launchers.local import side_by_side
from yolograft.sweep.launchers.stopping import end_with, kill_descendants, passing_on, terminate_children
from yolograft.sweep.launchers.worker import Worker, WorkersLauncher, ended, runs
from yolograft.training.stopping import StoppedError, held_back, stoppable

log = logging.getLogger(__name__)

_LOOKS_EVERY = 0.5
"""Seconds between two looks for results."""


@dataclass(frozen=True)
class Requeued:
    """What submitit runs: a job that goes on in a new one when its time is over or its place is taken.

    submitit's own handler of that signal ends the process on the spot. So it comes last here: the run stops as at
    Ctrl-C, with its checkpoint on disk, and then submitit puts the job back into the queue.
    """

    worker: Worker
    command: int = field(default_factory=os.getpid)
    visible_gpus: str | None = field(default_factory=lambda: os.environ.get("CUDA_VISIBLE_DEVICES"))

    def __call__(self, overrides: Sequence[str], number: int) -> JobReturn:
        """Do a job; see `Worker`."""
        from submitit import JobEnvironment

        environment = JobEnvironment()
        if environment.cluster == "local":
            end_with(self.command)
            self._see_all_gpus()
        elif allotted := os.environ.get("SLURM_CPUS_ON_NODE"):
            os.environ[JOBS_PER_MACHINE] = str(max(cores() // int(allotted), 1))
        called: list[int] = []

        def stop(signum: int, frame: object) -> None:
            called.append(signum)
            signal.raise_signal(signal.SIGTERM)

        requeue: Any = signal.signal(environment._usr_sig(), stop)
        try:
            with stoppable(silent=True):  # submitit would pass over a SIGTERM that comes before the run listens
                return self.worker(overrides, number)
        except StoppedError:
            if called:
                requeue(called[0], None)
            raise

    def checkpoint(self, overrides: Sequence[str], number: int) -> Any:
        """Return what submitit is to run next time: the same, since a run goes on by itself."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, overrides, number)

    def _see_all_gpus(self) -> None:
        """Undo that submitit numbers GPUs from 0 for every job; ours are to see the same ones and take a free one."""
        if self.visible_gpus is None:
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        else:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.visible_gpus


class SubmititLauncher(WorkersLauncher):
    """What the two have in common.

    Args:
        submitit_folder: For submitit's files.
        settings: What submitit passes on.
    """

    cluster: str

    def __init__(self, submitit_folder: str, max_num_timeout: int, **settings: Any) -> None:
        self.folder, self.max_num_timeout, self.settings = submitit_folder, max_num_timeout, settings

    @abstractmethod
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Do the jobs and wait for them."""

    def _executor(self) -> Any:
        import submitit

        common = {"timeout_min", "cpus_per_task", "gpus_per_node", "mem_gb", "name"}
        executor = submitit.AutoExecutor(
            self.folder, cluster=self.cluster, **{f"{self.cluster}_max_num_timeout": self.max_num_timeout}
        )
        given = {key: value for key, value in self.settings.items() if value not in (None, [], {})}
        executor.update_parameters(
            **{key if key in common else f"{self.cluster}_{key}": value for key, value in given.items()}
        )
        return executor


class LocalLauncher(SubmititLauncher):
    """submitit without a cluster, for trying out what will run on one; it would start all jobs at once.

    Args:
        max_parallel: Jobs at a time; `auto` is all GPUs, or without GPUs half the processors.
        jobs_per_gpu: Runs that share a GPU.
    """

    cluster = "local"

    def __init__(self, max_parallel: int | str, jobs_per_gpu: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.max_parallel, self.jobs_per_gpu = max_parallel, jobs_per_gpu

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Do the jobs and wait for them."""
        at_a_time = side_by_side(self.max_parallel, self.jobs_per_gpu, len(job_overrides))
        log.warning("%s, %s at a time.", runs(len(job_overrides)), at_a_time)
        os.environ[JOBS_PER_MACHINE] = str(at_a_time)
        executor, work = self._executor(), Requeued(self.worker)
        waiting = list(enumerate(job_overrides))
        running: dict[int, Any] = {}
        results: dict[int, JobReturn] = {}
        with passing_on(terminate_children) as stop:
            try:
                while running or (waiting and stop.signum is None):
                    while waiting and len(running) < at_a_time and stop.signum is None:
                        index, overrides = waiting.pop(0)
                        # Ctrl-C must not reach submitit's processes, which would kill the run a second after it.
                        with held_back(signal.SIGINT):
                            running[index] = executor.submit(work, list(overrides), initial_job_idx + index)
                    for index, job in list(running.items()):
                        if job._process.poll() is not None:
                            results[index] = _result(job, "its process ended")
                            del running[index]
                    time.sleep(_LOOKS_EVERY)
            finally:
                for job in running.values():  # asked twice to stop
                    kill_descendants(psutil.Process(job._process.pid))
        return [results[index] for index in range(len(job_overrides))]


class SlurmLauncher(SubmititLauncher):
    """Each run a task of one Slurm array."""

    cluster = "slurm"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if cpus := self.settings.get("cpus_per_task"):  # which srun no longer takes over from sbatch since Slurm 22.05
            self.settings["srun_args"] = [f"--cpus-per-task={cpus}"]

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit the jobs and wait for them."""
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        jobs = self._executor().map_array(Requeued(self.worker), [list(o) for o in job_overrides], numbers)
        ids = [job.job_id for job in jobs]
        log.warning("Slurm: %s in the queue as %s", runs(len(jobs)), ", ".join(ids))
        waiting = dict(enumerate(jobs))
        results: dict[int, JobReturn] = {}
        watch = slurm.Watch(ids)
        with passing_on(lambda: slurm.cancel(ids)):
            while waiting:
                gone = watch.gone()
                for index, job in list(waiting.items()):
                    if job.paths.result_pickle.exists():
                        results[index] = _result(job, "")
                    elif job.job_id in gone:
                        results[index] = _result(job, f"Slurm ended job {job.job_id}: {gone[job.job_id]}")
                    else:
                        continue
                    del waiting[index]
                time.sleep(_LOOKS_EVERY)
        return [results[index] for index in range(len(jobs))]


def _result(job: Any, otherwise: str) -> JobReturn:
    """Return what a job returned; where it left nothing, say what became of it."""
    if not job.paths.result_pickle.exists():
        return ended(otherwise)
    outcome, value = job._get_outcome_and_result()
    return value if outcome == "success" else ended(value.strip().splitlines()[-1])
