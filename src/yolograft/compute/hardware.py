"""What a person calls a device."""

import platform
from pathlib import Path

import torch


def hardware(device: torch.device) -> str:
    """Return the name of a GPU or of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def processor_has(unit: str) -> bool:
    """Return whether the processor has a unit, by PyTorch's name for it: `amx_tile`, `avx512_bf16`.

    The probes are PyTorch's private functions: a version that lacks one is taken to say no.
    """
    return bool(getattr(torch.cpu, f"_is_{unit}_supported", lambda: False)())
