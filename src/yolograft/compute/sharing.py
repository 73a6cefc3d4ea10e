"""How concurrent runs on one machine share its processors and GPUs."""

import math
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from yolograft.common.cache import cache_dir
from yolograft.compute import openmp
from yolograft.compute.cgroup import quota
from yolograft.compute.load import idle

JOBS_PER_MACHINE = "YOLOGRAFT_JOBS_PER_MACHINE"
"""Environment variable: how many runs are started at a time on this machine."""

_held: dict[tuple[str, ...], tuple[int, FileLock]] = {}


def cores() -> int:
    """Return the processors this process may use, a container's limit included."""
    there, granted = len(_processors()), quota()
    return there if granted is None else max(min(there, math.ceil(granted)), 1)


def _processors() -> Sequence[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def own_cores() -> int:
    """Return how many processors this run may use: its share where several run at a time."""
    return max(cores() // jobs_here(), 1)


def has_idle_time() -> bool:
    """Return whether this system can let a process run only where nothing else wants to (Linux's SCHED_IDLE)."""
    return hasattr(os, "fork") and hasattr(os, "SCHED_IDLE")


def jobs_here() -> int:
    """Return how many runs are started at a time on this machine."""
    try:
        return max(int(os.environ.get(JOBS_PER_MACHINE, "1")), 1)
    except ValueError:
        return 1


def free_threads(processes: int = 1) -> int:
    """Return how many threads each process of a run should compute with.

    As many as there are processors, its share where several runs or processes compute at a time, and no more than are
    idle now: a thread that has to wait for its processor holds up the others. Never more than the person allows.

    Args:
        processes: Processes of the run, each of which computes.
    """
    share = max(own_cores() // processes, 1)
    wanted = min(share, openmp.allowed() or share)
    if wanted == 1 or processes > 1:  # processes of one run would count each other
        return wanted
    return max(min(wanted, round(idle(_processors()))), 1)


def free_gpu(devices: int) -> int:
    """Return the number of the GPU that the fewest runs of ours use; it counts as used until this process ends.

    Args:
        devices: How many CUDA devices this process sees.
    """
    if devices < 2:
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = visible if len(visible) == devices else list(map(str, range(devices)))
    return take(names, cache_dir() / "gpu-slots")


def take(gpus: Sequence[str], folder: Path) -> int:
    """Reserve a place on one of several GPUs by a file lock, which the system releases when the process ends.

    With two GPUs the first process gets GPU 0, the second GPU 1, the third GPU 0 as its second process, and so on.

    Args:
        gpus: Their names, the same in every process of this machine.
        folder: Holds the locks.

    Returns:
        The index of the GPU; the same again for the same process.
    """
    key = (str(folder), *gpus)
    if key not in _held:
        folder.mkdir(parents=True, exist_ok=True)
        _held[key] = next(_places(gpus, folder))
    return _held[key][0]


def _places(gpus: Sequence[str], folder: Path) -> Iterator[tuple[int, FileLock]]:
    """Yield the places that are free, with their locks taken: the first on every GPU, then the second on every one."""
    for place in count():
        for index, gpu in enumerate(gpus):
            name = gpu.strip().replace("/", "-")
            lock = FileLock(folder / f"{platform.node()}-gpu-{name}-{place}.lock")
            with suppress(Timeout):
                lock.acquire(timeout=0)
                yield index, lock
