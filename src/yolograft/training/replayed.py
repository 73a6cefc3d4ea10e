"""Passes of a model recorded once and replayed: a training step launches two graphs, not thousands of kernels."""

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from yolograft.compute.devices import Compute
from yolograft.compute.sharing import jobs_here

log = logging.getLogger(__name__)

STEADY = 3
"""Batches of one kind in a row before it is recorded: a memory of its own is not worth while for the odd one."""

_ROOM = 2.2
"""Free memory, as a multiple of what a batch takes, for a recording of its own and the odd batch beside it."""
_KNOWN = ("yolograft", "ultralytics", "timm", "torch", "torchvision")
"""Packages whose modules do the same in every step; what a person's own module decides in Python, a replay repeats."""

Record = Callable[[nn.Module, tuple[Tensor, ...]], Callable[[Tensor], Any]]


def replayed(model: nn.Module, compute: Compute) -> "Replayed | None":
    """Return what trains a model through recorded passes; None where that is not wanted.

    `auto` wants it where every module is of a known package, and records where there is memory for it.
    """
    if compute.cuda_graph == "auto":
        known = all(type(module).__module__.partition(".")[0] in _KNOWN for module in model.modules())
        return Replayed(model, compute.autocast, has_room=_has_room) if known else None
    return Replayed(model, compute.autocast) if compute.cuda_graph else None


def _has_room(device: torch.device) -> bool:
    """Return whether a device has memory for a recording, after a few batches that were not recorded."""
    torch.cuda.empty_cache()
    batch = torch.cuda.max_memory_allocated(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] >= _ROOM * batch * jobs_here()


class Replayed:
    """A model in training whose forward and backward passes are CUDA graphs, for batches of the usual shape.

    Batches of another shape, as an epoch's last, and models that have just been frozen or thawed go through the model
    itself, as do all where recording fails: the log then says why. Results are those of the same kernels.

    Args:
        model: The model, on its device.
        dtype: Of mixed precision; None is fp32.
        record: Records a module for batches like a sample; `torch.cuda.make_graphed_callables`.
        has_room: Says of a device whether a recording fits into its memory; where not, none is tried.
    """

    def __init__(
        self,
        model: nn.Module,
        dtype: torch.dtype | None,
        record: Record = torch.cuda.make_graphed_callables,
        has_room: Callable[[torch.device], bool] = lambda device: True,
    ) -> None:
        self.model, self.dtype, self.record, self.has_room = model, dtype, record, has_room
        self._recorded: tuple[Any, Callable[[Tensor], Any]] | None = None
        self._last: Any = None
        self._in_a_row = 0
        self._possible = True

    def __call__(self, images: Tensor) -> Any:
        """Return what the model makes of a batch, [B, channels, H, W]."""
        kind = self._kind(images)
        self._in_a_row = self._in_a_row + 1 if kind == self._last else 1
        self._last = kind
        if self._recorded is None or self._recorded[0] != kind:
            if not self._possible or self._in_a_row < STEADY:
                return self.model(images)
            self._recorded = None  # gives back its memory
            if (replay := self._record(images)) is None:
                return self.model(images)
            self._recorded = kind, replay
        # A replay writes its gradients where the last one did, and there autograd leaves them for `grad`.
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad = parameter.grad.clone()
        return self._recorded[1](images)

    def _record(self, images: Tensor) -> Callable[[Tensor], Any] | None:
        """Return the replay, or None where the model cannot be recorded; state and random numbers stay as they are."""
        if not self.has_room(images.device):
            self._possible = False
            log.info("Passes are not recorded as CUDA graphs: %s has no memory for that.", images.device)
            return None
        # Said of the stream that a recording is made on; torch waits for it, and the results are the same.
        if hasattr(torch.autograd.graph, "set_warn_on_accumulate_grad_stream_mismatch"):
            torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
        buffers = [(buffer, buffer.clone()) for buffer in self.model.buffers()]
        generator = torch.cuda.get_rng_state(images.device) if images.is_cuda else None
        try:
            with torch.autocast(images.device.type, self.dtype, enabled=self.dtype is not None, cache_enabled=False):
                return self.record(_Passes(self.model), (images.detach().clone(),))
        except RuntimeError as error:  # torch's out-of-memory error is one of them
            self._possible = False
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            log.warning("trainer.cuda_graph: this model cannot be recorded, it is trained without: %s", reason)
            return None
        finally:
            with torch.no_grad():  # recording runs the model a few times, and batch norms count
                for buffer, before in buffers:
                    buffer.copy_(before)
            if generator is not None:
                torch.cuda.set_rng_state(generator, images.device)

    def _kind(self, images: Tensor) -> Any:
        """Return all that a recording is valid for."""
        modes = tuple(module.training for module in self.model.modules())
        trained = tuple(parameter.requires_grad for parameter in self.model.parameters())
        return images.shape, images.dtype, modes, trained


class _Passes(nn.Module):
    """What is recorded in the model's stead, so that the model keeps its own `forward`, for EMA and checkpoints."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Any:
        return self.model(images)
