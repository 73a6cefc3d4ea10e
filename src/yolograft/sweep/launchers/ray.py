"""`hydra/launcher=ray`: each run a task of Ray, started here or on a cluster that is there already."""

import logging
import os
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn

from yolograft.compute.sharing import JOBS_PER_MACHINE, cores
from yolograft.sweep.launchers.stopping import passing_on
from yolograft.sweep.launchers.worker import Worker, WorkersLauncher, ended, runs

log = logging.getLogger(__name__)


class RayLauncher(WorkersLauncher):
    """Does jobs as Ray's tasks.

    Args:
        init: For `ray.init`.
        num_cpus: Processors of a job; `auto` shares those of the cluster among the jobs that its GPUs take.
        num_gpus: GPUs of a job, also a part of one; `auto` is one where the cluster has any.
        remote: More for `ray.remote`.
    """

    def __init__(
        self, init: dict[str, Any], num_cpus: float | str, num_gpus: float | str, remote: dict[str, Any]
    ) -> None:
        self.init, self.num_cpus, self.num_gpus, self.remote = dict(init), num_cpus, num_gpus, dict(remote)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Do the jobs and wait for them."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        refs: list[Any] = []
        with passing_on(lambda: [ray.cancel(ref, recursive=False) for ref in refs]) as stop:
            if not ray.is_initialized():
                ray.init(**{key: value for key, value in self.init.items() if value is not None})
            stop.listen()  # Ray has put its own handler in the place of ours
            resources = self._resources(ray.cluster_resources())
            log.warning("Ray: %s, each with %g CPUs and %g GPUs.", runs(len(job_overrides)), *resources.values())
            # A killed job would be tried three times more, in silence; here the repeated command tries it again.
            task = ray.remote(**{"max_retries": 0, **resources, **self.remote})(_job)
            for number, overrides in enumerate(job_overrides, initial_job_idx):
                stop.check()
                refs.append(task.remote(self.worker, list(overrides), number, _environment()))
            left = refs
            while left:
                _, left = ray.wait(left, num_returns=len(left), timeout=0.5)
            return [_result(ray, ref) for ref in refs]

    def _resources(self, cluster: dict[str, float]) -> dict[str, float]:
        gpus = cluster.get("GPU", 0)
        num_gpus = min(gpus, 1) if self.num_gpus == "auto" else float(self.num_gpus)
        at_a_time = gpus / num_gpus if num_gpus else cluster.get("CPU", 1) / 2
        num_cpus = max(cluster.get("CPU", 1) // max(at_a_time, 1), 1) if self.num_cpus == "auto" else self.num_cpus
        return {"num_cpus": float(num_cpus), "num_gpus": num_gpus}


def _job(worker: Worker, overrides: list[str], number: int, environment: dict[str, str]) -> JobReturn:
    import ray

    os.environ.update(environment)
    assigned = ray.get_runtime_context().get_assigned_resources().get("CPU", 1)
    os.environ[JOBS_PER_MACHINE] = str(max(int(cores() // max(assigned, 1)), 1))
    return worker.outcome(overrides, number)


def _environment() -> dict[str, str]:
    """What Ray's processes, which may be older than this one, have to know of its environment."""
    return {key: value for key, value in os.environ.items() if key.startswith("YOLOGRAFT_")}


def _result(ray: Any, ref: Any) -> JobReturn:
    try:
        result: JobReturn = ray.get(ref)
    except ray.exceptions.WorkerCrashedError:
        return ended("Ray lost the process of this run: it was killed, or its node has gone")
    except ray.exceptions.RayError as error:
        return ended(next(iter(str(error).splitlines()), type(error).__name__))
    return result
