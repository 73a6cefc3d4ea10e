"""`hydra/launcher=submitit_slurm` and `submitit_local`: each run a job of a cluster, or of submitit on this machine."""

import logging
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from yolograft.compute.sharing import JOBS_PER_MACHINE, cores
from yolograft.runs.spec import RunSpec
from yolograft.sweep.executors import slurm
from yolograft.sweep.executors.base import JobEndedError, OnEnd, Outcome, count
from yolograft.sweep.executors.side_by_side import side_by_side
from yolograft.sweep.executors.stopping import end_with, kill_descendants, passing_on, terminate_children
from yolograft.sweep.executors.worker import Worker
from yolograft.training.stopping import StoppedError, held_back, stoppable

log = logging.getLogger(__name__)

_LOOKS_EVERY = 0.5
"""Seconds between two looks for results."""


@dataclass(frozen=True)
class Requeued:
    """What submitit runs: a job that goes on in a new one when its time is over or its place is taken.

    submitit's own handler of that signal ends the process on the spot. So it comes last here: the run stops as at
    Ctrl-C, with its checkpoint on disk, and then submitit puts the job back into the queue.

    For example with `timeout_min=60` and a run of 100 minutes: at minute 58 (`signal_delay_s=120`) Slurm sends SIGUSR2
    to this process. `stop` notes it and raises SIGTERM here, for which the run listens: it ends its step, writes
    last.ckpt and raises StoppedError. Only now submitit's handler is called: it pickles what `checkpoint` returns, asks
    Slurm to requeue the job and ends the process. In its second job the same spec goes on from last.ckpt.
    """

    worker: Worker
    command: int = field(default_factory=os.getpid)
    visible_gpus: str | None = field(default_factory=lambda: os.environ.get("CUDA_VISIBLE_DEVICES"))

    def __call__(self, spec: RunSpec) -> None:
        """Train a run; see `Worker`."""
        from submitit import JobEnvironment

        job = JobEnvironment()
        if job.cluster == "local":
            end_with(self.command)
            self._see_all_gpus()
        elif allotted := os.environ.get("SLURM_CPUS_ON_NODE"):
            os.environ[JOBS_PER_MACHINE] = str(max(cores() // int(allotted), 1))
        called: list[int] = []

        def stop(signum: int, frame: object) -> None:
            called.append(signum)
            signal.raise_signal(signal.SIGTERM)

        requeue: Any = signal.signal(job._usr_sig(), stop)
        try:
            with stoppable(silent=True):  # submitit would pass over a SIGTERM that comes before the run listens
                self.worker(spec)
        except StoppedError:
            if called:
                requeue(called[0], None)
            raise

    def checkpoint(self, spec: RunSpec) -> Any:
        """Return what submitit is to run next time: the same, since a run goes on by itself."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, spec)

    def _see_all_gpus(self) -> None:
        """Undo that submitit numbers GPUs from 0 for every job; ours are to see the same ones and take a free one."""
        if self.visible_gpus is None:
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        else:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.visible_gpus


class SubmititExecutor:
    """What the two have in common.

    Args:
        submitit_folder: For submitit's files.
        max_num_timeout: How often a job may be requeued.
        settings: What submitit passes on.
    """

    cluster: str

    def __init__(self, submitit_folder: str, max_num_timeout: int, **settings: Any) -> None:
        self.folder, self.max_num_timeout, self.settings = submitit_folder, max_num_timeout, settings

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


class SubmititLocalExecutor(SubmititExecutor):
    """submitit without a cluster, for trying out what will run on one; it would start all jobs at once.

    Args:
        max_parallel: Runs at a time; `auto` is all GPUs, or without GPUs one for each processor.
        jobs_per_gpu: Runs that share a GPU.
    """

    cluster = "local"

    def __init__(self, max_parallel: int | str, jobs_per_gpu: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.max_parallel, self.jobs_per_gpu = max_parallel, jobs_per_gpu

    def run(self, specs: Sequence[RunSpec], on_end: OnEnd) -> list[Outcome]:
        """Train the runs; see `Executor`."""
        at_a_time = side_by_side(self.max_parallel, self.jobs_per_gpu, len(specs))
        log.warning("%s, %s at a time.", count(len(specs)), at_a_time)
        executor, work = self._executor(), Requeued(Worker(environment={JOBS_PER_MACHINE: str(at_a_time)}))
        waiting = list(enumerate(specs))
        running: dict[int, Any] = {}
        outcomes: dict[int, Outcome] = {}
        with passing_on(terminate_children) as stop:
            try:
                while running or (waiting and stop.signum is None):
                    while waiting and len(running) < at_a_time and stop.signum is None:
                        index, spec = waiting.pop(0)
                        # Ctrl-C must not reach submitit's processes, which would kill the run a second after it.
                        with held_back(signal.SIGINT):
                            running[index] = executor.submit(work, spec)
                    for index, job in list(running.items()):
                        if job._process.poll() is not None:
                            outcomes[index] = _outcome(job, "its process ended")
                            del running[index]
                            on_end(specs[index])
                    time.sleep(_LOOKS_EVERY)
            finally:
                for job in running.values():  # asked twice to stop
                    kill_descendants(psutil.Process(job._process.pid))
        return [outcomes[index] for index in range(len(specs))]


class SubmititSlurmExecutor(SubmititExecutor):
    """Each run a task of one Slurm array."""

    cluster = "slurm"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if cpus := self.settings.get("cpus_per_task"):  # which srun no longer takes over from sbatch since Slurm 22.05
            self.settings["srun_args"] = [f"--cpus-per-task={cpus}"]

    def run(self, specs: Sequence[RunSpec], on_end: OnEnd) -> list[Outcome]:
        """Submit the runs and wait for them; see `Executor`."""
        jobs = self._executor().map_array(Requeued(Worker()), list(specs))
        ids = [job.job_id for job in jobs]
        log.warning("Slurm: %s in the queue as %s", count(len(jobs)), ", ".join(ids))
        waiting = dict(enumerate(jobs))
        outcomes: dict[int, Outcome] = {}
        watch = slurm.Watch(ids)
        with passing_on(lambda: slurm.cancel(ids)):
            while waiting:
                gone = watch.gone()
                for index, job in list(waiting.items()):
                    if job.paths.result_pickle.exists():
                        outcomes[index] = _outcome(job, "")
                    elif job.job_id in gone:
                        outcomes[index] = _outcome(job, f"Slurm ended job {job.job_id}: {gone[job.job_id]}")
                    else:
                        continue
                    del waiting[index]
                    on_end(specs[index])
                time.sleep(_LOOKS_EVERY)
        return [outcomes[index] for index in range(len(jobs))]


def _outcome(job: Any, otherwise: str) -> Outcome:
    """Return how a job ended; where it left nothing, say what became of it."""
    if not job.paths.result_pickle.exists():
        return JobEndedError(otherwise)
    outcome, value = job._get_outcome_and_result()
    return None if outcome == "success" else JobEndedError(value.strip().splitlines()[-1])
