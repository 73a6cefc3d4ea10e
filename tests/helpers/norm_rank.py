"""One of two processes that normalize a batch together; a module of its own, so that they can import it."""

from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from yolograft.training.distributed import sync_norms


def norm_rank(rank: int, folder: str) -> None:
    """Save this process's gradients and statistics of a norm over half of a batch."""
    dist.init_process_group("gloo", rank=rank, world_size=2)
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3)
    x = torch.randn(7, 3, 4, 4)
    sync_norms(norm)
    part = (x[:4] if rank == 0 else x[4:]).clone().requires_grad_()
    (norm(part) ** 3).sum().backward()
    assert norm.weight.grad is not None
    torch.save([part.grad, norm.running_mean, norm.running_var, norm.weight.grad], Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()
