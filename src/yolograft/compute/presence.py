"""Whether this machine can have a device at all, told without loading torch."""

import ctypes
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from yolograft.common.errors import UserError

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def refuse_impossible(device: int | str | list[int | str]) -> None:
    """Refuse a device that this machine cannot have; what needs torch to know passes, and is checked later.

    Args:
        device: As for `devices.resolve`.

    Raises:
        UserError: It asks for CUDA where torch has no CUDA or there is no driver, or for MPS where this is no Mac.
    """
    if device == "mps" and sys.platform != "darwin":
        raise no_mps()
    words = device if isinstance(device, list) else str(device).removeprefix("cuda:").split(",")
    numbers = ["0"] if device == "cuda" else [str(word).strip() for word in words]
    if all(number.isdigit() for number in numbers) and _no_cuda():
        told = ",".join(map(str, device)) if isinstance(device, list) else device
        raise no_gpu(str(told), 0, int(numbers[0]))


def refuse_without_cuda(what: str) -> None:
    """Refuse what only an NVIDIA GPU can do.

    Args:
        what: What it is, as the first words of the refusal.

    Raises:
        UserError: Torch has no CUDA here, or there is no driver.
    """
    if _no_cuda():
        raise UserError(f"{what} needs an NVIDIA GPU, and there is none here that torch can use")


def no_gpu(device: str, count: int, number: int) -> UserError:
    """Return the refusal of a GPU that is not there."""
    have = f"{count} CUDA device{'s' * (count != 1)}" if count else "no CUDA device"
    return UserError(f"device={device}: this machine has {have}, so there is no GPU {number}; use device=auto")


def no_mps() -> UserError:
    """Return the refusal of an Apple GPU."""
    return UserError("device=mps: this machine has no Apple GPU; use device=cpu or device=auto")


def _no_cuda() -> bool:
    """Return whether `torch.cuda.is_available()` is sure to be false.

    That is, torch was built without CUDA, or there is no driver. A build for ROCm, which takes CUDA's name, is never
    sure.
    """
    spec = find_spec("torch")
    folder = next(iter(spec.submodule_search_locations or ()), None) if spec else None
    try:
        built = (Path(folder or "") / "version.py").read_text(encoding="utf-8")
    except OSError:
        return False
    if not re.search(r"^hip\b[^=]*= None$", built, re.MULTILINE):
        return False
    if re.search(r"^cuda\b[^=]*= None$", built, re.MULTILINE):
        return True
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return True
    return False
