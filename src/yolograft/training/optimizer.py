"""The optimizer's kernels and state: fused steps, and going on from a checkpoint whatever kernels made it."""

from typing import Any

import torch
from torch import Tensor


def use_fused_steps(optimizer: torch.optim.Optimizer) -> None:
    """Let Adam and AdamW step in one go over the memory, as ultralytics has it on CUDA; results agree up to rounding.

    PyTorch's kernel for a CPU takes the numbers of weights, gradients and state in the order in which they lie in
    memory, so all must be laid out alike; `restore_optimizer` and autograd see to that.

    Args:
        optimizer: As ultralytics built it; others stay as they are.
    """
    if type(optimizer) in (torch.optim.Adam, torch.optim.AdamW):
        for group in optimizer.param_groups:
            group["fused"] = True


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimizer's state; its kernels stay the ones that this start chose, and its memory is laid out for them.

    Args:
        optimizer: The optimizer, its parameters on their device.
        state: What `state_dict` returned, on whatever device and in whatever layout.

    Raises:
        ValueError: The state is that of other parameters.
        KeyError: A part of it is missing.
    """
    fused = [group.get("fused") for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, own in zip(optimizer.param_groups, fused, strict=True):
        if "fused" in group:
            group["fused"] = own
    for parameter, kept in optimizer.state.items():
        for name, value in kept.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                kept[name] = laid_out(value, parameter)


def laid_out(value: Tensor, like: Tensor) -> Tensor:
    """Return a copy of a tensor in the memory layout, data type and place of another of the same shape."""
    return torch.empty_like(like, requires_grad=False).copy_(value)
