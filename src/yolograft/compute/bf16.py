"""Whether a training on this processor is faster in bf16: measured once, the same for all runs from then on."""

import json
import logging
import time
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor, nn

from yolograft.common.cache import cache_dir
from yolograft.common.files import atomic_write, read_text
from yolograft.common.parsing import parse_json
from yolograft.compute.hardware import hardware, processor_has

_GAIN = 1.1
"""How many times as fast bf16 must be: beside fp32 it costs digits."""
_ROUNDS = 4

log = logging.getLogger(__name__)


def bf16_pays() -> bool:
    """Return whether convolutions are clearly faster in bf16 on this processor.

    Without units that multiply bfloat16 they never are: two to nine times as slow. With them, a few layers are timed
    when this is first asked on a kind of processor; variants of a sweep must not differ by the noise of a measurement
    of each.
    """
    if not _has_units():
        return False
    kept = cache_dir() / "bf16.json"
    processor = f"{hardware(torch.device('cpu'))}, torch {torch.__version__}"
    with FileLock(kept.with_suffix(".lock")):
        gains = _read(kept)
        if processor not in gains:
            gains[processor] = round(measure_gain(), 2)
            atomic_write(kept, json.dumps(gains, indent=1).encode())
            log.debug("bf16 is %.1f times as fast as fp32 on this processor (measured once)", gains[processor])
    return gains[processor] >= _GAIN


def _read(file: Path) -> dict[str, float]:
    try:
        return {processor: float(gain) for processor, gain in dict(parse_json(read_text(file))).items()}
    except (OSError, ValueError, TypeError):
        return {}


def _has_units() -> bool:
    """Return whether the processor multiplies bfloat16 in hardware (AMX tiles or AVX-512 BF16)."""
    return processor_has("amx_tile") or processor_has("avx512_bf16")


def measure_gain() -> float:
    """Return how many times as fast a small convolutional network is trained in bf16, by processor time.

    With one thread: several that wait for each other on a busy machine would measure the others.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            times = _times()
    finally:
        torch.set_num_threads(threads)
    fp32, bf16 = (min(column) for column in zip(*times, strict=True))
    return fp32 / max(bf16, 1e-9)


def _times() -> list[tuple[float, float]]:
    """Return the processor seconds of some steps in fp32 and in bf16, in turns."""
    layers = [_conv(3, 16, 3, 2), _conv(16, 32, 3, 2), _conv(32, 64, 3, 2), _conv(64, 64, 1, 1)]
    network = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    images = torch.rand(4, 3, 256, 256).contiguous(memory_format=torch.channels_last)
    times = [(_seconds(network, images, False), _seconds(network, images, True)) for _ in range(1 + _ROUNDS)]
    return times[1:]  # the first prepares kernels


def _conv(taken: int, given: int, kernel: int, stride: int) -> nn.Module:
    convolution = nn.Conv2d(taken, given, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(given), nn.SiLU())


def _seconds(network: nn.Module, images: Tensor, bf16: bool) -> float:
    """Return the processor seconds of a forward and a backward pass."""
    began = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        features = network(images)
    features.float().mean().backward()
    return time.process_time() - began
