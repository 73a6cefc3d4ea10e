"""Device, precision, threads and data-loading workers of a run: what `auto` means on this machine."""

from dataclasses import dataclass
from typing import Any, Literal

import torch

from yolograft.common.errors import UserError
from yolograft.compute.bf16 import bf16_pays
from yolograft.compute.norm_act import available
from yolograft.compute.presence import no_gpu, no_mps
from yolograft.compute.sharing import cores, free_gpu, free_threads, has_idle_time, own_cores

_DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Compute:
    """How a training computes.

    Args:
        accelerator: Lightning's word: cpu, gpu or mps.
        devices: How many devices, or which GPUs by number.
        autocast: Data type of mixed precision; None is fp32 throughout.
        channels_last: Whether images and weights are laid out channels last.
        threads: CPU threads for the computation.
        workers: Processes that load data.
        helper: Whether a training that loads its images itself is helped in the idle time of the processors.
        cuda_graph: Whether the passes of a training are recorded as CUDA graphs; auto: where that is safe.
        cpu_kernels: Whether layers that PyTorch computes slowly on a CPU are computed otherwise.
    """

    accelerator: str
    devices: int | list[int]
    autocast: torch.dtype | None
    channels_last: bool
    threads: int
    workers: int
    helper: bool = False
    cuda_graph: bool | Literal["auto"] = False
    cpu_kernels: bool = False

    @property
    def processes(self) -> int:
        """How many processes train together, one for each device."""
        return len(self.devices) if isinstance(self.devices, list) else self.devices

    @property
    def device(self) -> torch.device:
        """The (first) device."""
        if self.accelerator == "gpu":
            return torch.device("cuda", self.devices[0] if isinstance(self.devices, list) else 0)
        return torch.device("mps" if self.accelerator == "mps" else "cpu")


def resolve(device: int | str | list[int | str], workers: int | str, trainer: dict[str, Any]) -> Compute:
    """Return what a config asks for, with `auto` decided for this machine.

    Args:
        device: auto, cpu, cuda, mps, a GPU's number, or a list of GPUs or of cpu, one for each process.
        workers: auto, or a number.
        trainer: The `trainer` group.

    Raises:
        UserError: If a device is asked for that this machine lacks, or what the device cannot do.
    """
    accelerator, devices = _device(device)
    precision = trainer["precision"]
    if precision == "auto":
        # fp16 is ultralytics' own choice on CUDA.
        precision = "fp16" if accelerator == "gpu" else "bf16" if accelerator == "cpu" and bf16_pays() else "fp32"
    if precision == "fp16" and accelerator != "gpu":
        raise UserError(f"trainer.precision=fp16: needs a CUDA device; on {accelerator} use fp32, bf16 or auto")
    kernels = accelerator == "cpu" and trainer.get("cpu_kernels", "auto") == "auto"
    layout = trainer["channels_last"]
    if layout == "auto":
        # PyTorch's own norms are coarse in fp32 on a CPU, channels last.
        coarse = accelerator == "cpu" and precision == "fp32" and not (kernels and available(torch.float32))
        layout = accelerator != "mps" and not coarse
    processes = len(devices) if isinstance(devices, list) else devices
    graph = trainer.get("cuda_graph", False)
    possible = accelerator == "gpu" and processes == 1
    if graph is True and not possible:
        have = f"{processes} processes" if accelerator == "gpu" else accelerator
        raise UserError(f"trainer.cuda_graph=true: needs one CUDA device, and this is {have}; use false")
    threads = free_threads(processes) if trainer["threads"] == "auto" else trainer["threads"]
    helper = workers == "auto" and accelerator == "cpu" and cores() > 1 and has_idle_time()
    if workers == "auto":
        workers = min(8, max(own_cores() // processes, 1)) if accelerator == "gpu" else 0
    return Compute(
        accelerator,
        devices,
        _DTYPES[precision],
        layout,
        threads,
        int(workers),
        helper,
        graph if possible else False,
        kernels,
    )


def for_inference(
    device: int | str | list[int | str], workers: int | str = 0, threads: int | Literal["auto"] = "auto"
) -> Compute:
    """Return how a device evaluates models: in fp32, laid out as they come.

    Args:
        device: As for `resolve`.
        workers: As for `resolve`.
        threads: auto, or a number.

    Raises:
        UserError: As for `resolve`.
    """
    return resolve(device, workers, {"precision": "fp32", "channels_last": False, "threads": threads})


def refuse_missing(device: int | str | list[int | str], trainer: dict[str, Any]) -> None:
    """Refuse a device that this machine lacks, or a precision that its device lacks; reserves no GPU.

    Args:
        device: As for `resolve`.
        trainer: As for `resolve`.

    Raises:
        UserError: As for `resolve`.
    """
    if device == "auto":
        kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        device = next(kind for kind, there in kinds.items() if there)
    resolve(device, 0, {**trainer, "threads": 1})


def _device(device: int | str | list[int | str]) -> tuple[str, int | list[int]]:
    if isinstance(device, list):
        if all(word == "cpu" for word in device):
            return "cpu", len(device)
        device = ",".join(map(str, device))
    if device == "auto":
        if torch.cuda.is_available():
            return "gpu", [free_gpu(torch.cuda.device_count())]
        device = "mps" if torch.backends.mps.is_available() else "cpu"
    if device == "cpu":
        return "cpu", 1
    if device == "mps":
        if not torch.backends.mps.is_available():
            raise no_mps()
        return "mps", 1
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    wanted = [0] if device == "cuda" else [int(word) for word in str(device).removeprefix("cuda:").split(",")]
    if missing := [w for w in wanted if w >= count]:
        raise no_gpu(str(device), count, missing[0])
    return "gpu", wanted
