"""Means over a batch that several processes share, so that they compute what one process would."""

import torch
import torch.distributed as dist
from torch import Tensor


def batch_mean(values: Tensor, where: Tensor | None = None, *, synchronize: bool) -> Tensor:
    """Return the mean of values, a scalar without gradient; 0 where there are none.

    Args:
        values: Of any shape.
        where: Which of them count; None: all.
        synchronize: Take the mean over all processes. They must then all ask for it: they do in training, while they
            may have different numbers of batches to validate.
    """
    values = values.detach()
    where = torch.ones_like(values, dtype=torch.bool) if where is None else where
    sums = torch.stack([(values * where).sum(), where.sum().to(values.dtype)])
    if synchronize and dist.is_available() and dist.is_initialized():
        dist.all_reduce(sums)
    return sums[0] / sums[1].clamp(min=1)
