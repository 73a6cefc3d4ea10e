"""How many runs go side by side on this machine."""

from yolograft.compute.sharing import cores


def side_by_side(wanted: int | str, jobs_per_gpu: int, jobs: int) -> int:
    """Return how many jobs to do at a time.

    Args:
        wanted: `auto`: as many as the GPUs take, and without GPUs one for every two processors; or a number.
        jobs_per_gpu: Runs that share a GPU.
        jobs: How many there are.
    """
    if wanted == "auto":
        import torch

        wanted = torch.cuda.device_count() * jobs_per_gpu or cores() // 2
    return max(min(int(wanted), jobs), 1)
