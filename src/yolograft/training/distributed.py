"""Training in several processes: the same losses and weights as one process with the same batch.

Three things make it so. Every process takes its share of each batch (`data.draws.EpochBatches`). Batch norms see the
whole batch (`sync_norms`; torch's own SyncBatchNorm exists for GPUs only and would drop timm's fused activations). And
the loss is divided by the targets of the whole batch (`share_loss`); ultralytics divides by each process's own.
"""

import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn

from yolograft.common.errors import UserError
from yolograft.training.stopping import StoppedError, StopRequest, held_back, let_through, stoppable
from yolograft.training.trial import Pruned

_ASKING = (signal.SIGINT, signal.SIGTERM)


def world() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def launch(processes: int, function: Callable[..., None], *arguments: Any, stop: StopRequest) -> None:
    """Run `function(rank, *arguments)` in so many processes and wait for all of them.

    Processes are spawned, which Windows can do too, and find each other on this machine.

    Args:
        processes: How many.
        function: Importable by name.
        arguments: Whatever can be pickled.
        stop: A request to stop is passed on.

    Raises:
        UserError: If a process ended in one.
        StoppedError: If they stopped because they were asked to.
        Pruned: If a search has ended the trial.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    messages = mp.get_context("spawn").SimpleQueue()
    with held_back(*_ASKING):
        context = mp.start_processes(
            _process, (processes, port, function, arguments, messages), processes, join=False, start_method="spawn"
        )
    passed_on = False
    try:
        while not context.join(timeout=0.2):
            if stop.lock is not None and stop.lock.lost:
                for process in context.processes:
                    process.kill()
                stop.check_lock()
            if stop.signum is not None and not passed_on:
                passed_on = True
                for process in context.processes:
                    process.terminate()
    except (mp.ProcessRaisedException, mp.ProcessExitedException) as error:
        kind, message = ("", "") if messages.empty() else messages.get()
        if kind == "user":
            raise UserError(message) from None
        stop.grace()
        stop.check()
        raise RuntimeError(f"a training process failed: {error}") from error
    if not messages.empty():
        kind, message = messages.get()
        if kind == "stopped":
            raise StoppedError(stop.signum or int(message))
        if kind == "pruned":
            raise Pruned(message)


def _process(
    rank: int, processes: int, port: int, function: Callable[..., None], arguments: Any, messages: Any
) -> None:
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": "0"}
    # With LOCAL_RANK set, Lightning knows that the processes are there already.
    os.environ.update(address, LOCAL_RANK=str(rank), WORLD_SIZE=str(processes))
    try:
        with stoppable(silent=rank > 0), let_through(*_ASKING):
            function(rank, *arguments)
    except UserError as mistake:
        messages.put(("user", str(mistake)))
        raise
    except StoppedError as stopped:
        if rank == 0:
            messages.put(("stopped", str(stopped.signum)))
        time.sleep(0.1)  # the others are at the same step
    except Pruned as pruned:
        if rank == 0:
            messages.put(("pruned", str(pruned)))
        time.sleep(0.1)


class _AllSum(torch.autograd.Function):
    """The sum of a tensor over all processes, forward and backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return the sum; `x` stays as it is."""
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Every process's loss depends on every process's summand."""
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def _all_sum(x: Tensor) -> Tensor:
    total: Tensor = _AllSum.apply(x)
    return total


class _SyncedNorm(nn.modules.batchnorm._BatchNorm):
    """A batch norm whose mean and variance are those of the batches of all processes."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize [B, C, H, W]; in eval mode as the class that this one is mixed into does."""
        if not self.training:
            return super().forward(x)  # the other base class's
        axes, wide = (0, 2, 3), x if x.dtype == torch.float64 else x.float()
        # Sums in double precision, as torch's own CPU kernel: what differs from it stays at the last bit.
        own = torch.tensor([wide.numel() // wide.shape[1]], dtype=torch.float64, device=x.device)
        total = _all_sum(torch.cat([wide.sum(axes, dtype=torch.float64), own]))
        count, mean = total[-1], total[:-1] / total[-1]
        centred = wide - mean.to(wide.dtype)[None, :, None, None]
        variance = _all_sum((centred * centred).sum(axes, dtype=torch.float64)) / count
        with torch.no_grad():
            momentum = self.momentum if self.momentum is not None else 0.1
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.to(wide.dtype), momentum)
            self.running_var.lerp_((variance * count / (count - 1)).to(wide.dtype), momentum)
        scale = torch.rsqrt(variance + self.eps).to(wide.dtype) * self.weight
        normal = (centred * scale[None, :, None, None] + self.bias[None, :, None, None]).to(x.dtype)
        activation = getattr(self, "act", None)  # timm's norms carry their activation
        return normal if activation is None else activation(getattr(self, "drop", nn.Identity())(normal))

    def _check_input_dim(self, input: Tensor) -> None:
        """Abstract in torch."""


def sync_norms(model: nn.Module) -> None:
    """Let every batch norm of a model see the whole batch; parameters, buffers and their names stay as they are."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            kind = type(module)
            module.__class__ = type(f"Synced{kind.__name__}", (_SyncedNorm, kind), {})


def share_loss(criterion: Any) -> None:
    """Let a detection loss, which sees a process's images, return its share of the whole batch's loss.

    ultralytics divides a loss by the sum of its targets' scores. The gradients that DDP averages are those of one
    process with the whole batch when each process's loss is weighted with its share of that sum.

    Example: process A has 3 images whose targets' scores sum to 10, process B has 1 image with a sum of 30. With
    unnormalized losses a and b, one process with all 4 images would compute (a + b) / 40 * 4. A itself computes
    a / 10 * 3. Its share is 10 / 40, so it goes backward from (a / 10 * 3) / 3 * 4 * (10 / 40) * 2 = a / 40 * 4 * 2; B
    from b / 40 * 4 * 2. DDP's mean over the 2 processes has the gradient of (a + b) / 40 * 4.

    Args:
        criterion: ultralytics' detection loss, changed in place: in training, `loss` returns the loss to go backward
            from and the parts of the whole batch's loss. Its assigner is watched for the scores.
    """
    assign, compute = criterion.assigner.forward, criterion.loss
    scores = torch.zeros(())

    def watched(*args: Any, **kwargs: Any) -> Any:
        nonlocal scores
        assigned = assign(*args, **kwargs)
        scores = assigned[2].sum().detach()
        return assigned

    def shared(preds: dict[str, Tensor], batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        loss, items = compute(preds, batch)
        if not loss.requires_grad:  # processes may have different numbers of batches to validate
            return loss, items
        images = len(preds["boxes"])
        own = scores.clamp(min=1)
        sums = torch.stack([scores, torch.tensor(float(images), device=loss.device)])
        dist.all_reduce(sums)
        share = own / sums[0].clamp(min=1)
        parts = torch.stack([*items.values()]) * share
        dist.all_reduce(parts)
        return loss / images * sums[1] * share * world(), dict(zip(items, parts, strict=True))

    criterion.assigner.forward, criterion.loss = watched, shared


def gather_lists(stats: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the lists of all processes, joined in the order of their ranks."""
    if world() == 1:
        return stats
    gathered: list[dict[str, list[Any]]] = [{} for _ in range(world())]
    dist.all_gather_object(gathered, stats)
    return {key: [item for part in gathered for item in part[key]] for key in stats}


def sum_over_processes(values: dict[str, Tensor], count: int) -> tuple[dict[str, Tensor], int]:
    """Return sums and a count over all processes."""
    if world() == 1:
        return values, count
    packed = torch.stack([*values.values(), torch.tensor(float(count), device=next(iter(values.values())).device)])
    dist.all_reduce(packed)
    return dict(zip(values, packed[:-1], strict=True)), int(packed[-1])
