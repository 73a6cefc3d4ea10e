"""`hydra/launcher=ray`: each run a task of Ray, started here or on a cluster that is there already."""

import logging
import os
from collections.abc import Sequence
from typing import Any

from yolograft.compute.sharing import JOBS_PER_MACHINE, cores
from yolograft.runs.spec import RunSpec
from yolograft.sweep.executors.base import JobEndedError, OnEnd, Outcome, count
from yolograft.sweep.executors.stopping import passing_on
from yolograft.sweep.executors.worker import Worker
from yolograft.sweep.job import environment

log = logging.getLogger(__name__)

_LOOKS_EVERY = 0.5
"""Seconds between two looks for results."""


class RayExecutor:
    """Trains runs as Ray's tasks.

    Args:
        init: For `ray.init`.
        num_cpus: Processors of a run; `auto` shares those of the cluster among the runs that its GPUs take.
        num_gpus: GPUs of a run, also a part of one; `auto` is one where the cluster has any.
        remote: More for `ray.remote`.
    """

    def __init__(
        self, init: dict[str, Any], num_cpus: float | str, num_gpus: float | str, remote: dict[str, Any]
    ) -> None:
        self.init, self.num_cpus, self.num_gpus, self.remote = dict(init), num_cpus, num_gpus, dict(remote)

    def run(self, specs: Sequence[RunSpec], on_end: OnEnd) -> list[Outcome]:
        """Train the runs; see `Executor`."""
        with environment({"RAY_USAGE_STATS_ENABLED": os.environ.get("RAY_USAGE_STATS_ENABLED", "0")}):
            return self._run(specs, on_end)

    def _run(self, specs: Sequence[RunSpec], on_end: OnEnd) -> list[Outcome]:
        import ray

        refs: list[Any] = []
        with passing_on(lambda: [ray.cancel(ref, recursive=False) for ref in refs]) as stop:
            if not ray.is_initialized():
                ray.init(**{key: value for key, value in self.init.items() if value is not None})
            stop.listen()  # Ray has put its own handler in the place of ours
            resources = self._resources(ray.cluster_resources())
            log.warning("Ray: %s, each with %g CPUs and %g GPUs.", count(len(specs)), *resources.values())
            # A killed job would be tried three times more, in silence; here the repeated command tries it again.
            task = ray.remote(**{"max_retries": 0, **resources, **self.remote})(_job)
            worker = Worker(environment=_environment())
            for spec in specs:
                stop.check()
                refs.append(task.remote(worker, spec))
            by_ref = dict(zip(refs, specs, strict=True))
            left = list(refs)
            while left:
                ended, left = ray.wait(left, num_returns=len(left), timeout=_LOOKS_EVERY)
                for ref in ended:
                    on_end(by_ref[ref])
            return [_outcome(ray, ref) for ref in refs]

    def _resources(self, cluster: dict[str, float]) -> dict[str, float]:
        gpus = cluster.get("GPU", 0)
        num_gpus = min(gpus, 1) if self.num_gpus == "auto" else float(self.num_gpus)
        at_a_time = gpus / num_gpus if num_gpus else cluster.get("CPU", 1) / 2
        num_cpus = max(cluster.get("CPU", 1) // max(at_a_time, 1), 1) if self.num_cpus == "auto" else self.num_cpus
        return {"num_cpus": float(num_cpus), "num_gpus": num_gpus}


def _job(worker: Worker, spec: RunSpec) -> Outcome:
    import ray

    assigned = ray.get_runtime_context().get_assigned_resources().get("CPU", 1)
    os.environ[JOBS_PER_MACHINE] = str(max(int(cores() // max(assigned, 1)), 1))
    return worker.outcome(spec)


def _environment() -> dict[str, str]:
    """What Ray's processes, which may be older than this one, have to know of its environment."""
    return {k: v for k, v in os.environ.items() if k.startswith("YOLOGRAFT_") and k != JOBS_PER_MACHINE}


def _outcome(ray: Any, ref: Any) -> Outcome:
    try:
        result: Outcome = ray.get(ref)
    except ray.exceptions.WorkerCrashedError:
        return JobEndedError("Ray lost the process of this run: it was killed, or its node has gone")
    except ray.exceptions.RayError as error:
        return JobEndedError(next(iter(str(error).splitlines()), type(error).__name__))
    return result
