"""How many runs go side by side on this machine."""

from collections.abc import Sequence

import psutil

from yolograft.compute.sharing import cores
from yolograft.runs.spec import RunSpec

_MEMORY = 3 * 2**30
"""Bytes that a run on the CPU may take: torch and the program 1 GB, the rest a model of scale n and a batch of 16."""


def side_by_side(wanted: int | str, jobs_per_gpu: int, jobs: int) -> int:
    """Return how many jobs to do at a time.

    Args:
        wanted: `auto`: as many as the GPUs take, and without GPUs one for every processor, as long as there is memory:
            two runs of one thread each get more done than one of two. Or a number.
        jobs_per_gpu: Runs that share a GPU.
        jobs: How many there are.
    """
    if wanted == "auto":
        import torch

        on_cpu = min(cores(), int(psutil.virtual_memory().available // _MEMORY))
        wanted = torch.cuda.device_count() * jobs_per_gpu or on_cpu
    return max(min(int(wanted), jobs), 1)


def faster_side_by_side(specs: Sequence[RunSpec]) -> int:
    """Return how many runs at a time would be done sooner than one after the other; 1 where that is not known.

    On a CPU it is so: the parts of a training that compute with one thread go on beside each other.

    Args:
        specs: The runs.
    """
    if any(str(spec.config["device"]) not in {"auto", "cpu"} for spec in specs):
        return 1
    import torch

    return 1 if torch.cuda.is_available() or torch.backends.mps.is_available() else side_by_side("auto", 1, len(specs))
