"""How many runs go side by side on this machine."""

import psutil

from yolograft.compute.sharing import cores

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
