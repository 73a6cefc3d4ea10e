"""How busy a machine is with other work: it decides what a measured time is worth, and how many threads help."""

import os
import subprocess
import time
from collections.abc import Sequence

import psutil

from yolograft.common.text import plain

_IDLE = ("idle", "iowait", "guest", "guest_nice")  # guests are in `user` already


def load_limit() -> float:
    """Return how many processors others may use before times are those of a moment: a twentieth, at least 0.25."""
    return max(0.25, 0.05 * (os.cpu_count() or 1))


class LoadMeter:
    """Measures how many processors all other processes use, from one reading to the next."""

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._last = self._now()

    def read(self) -> float:
        """Return the processors in use by others, on average since the last reading; 0.5 is half of one."""
        moment, busy, own = self._now()
        before, self._last = self._last, (moment, busy, own)
        return max((busy - before[1] - (own - before[2])) / max(moment - before[0], 1e-9), 0.0)

    def _now(self) -> tuple[float, float, float]:
        machine, own = psutil.cpu_times()._asdict(), self._own.cpu_times()
        return time.monotonic(), sum(value for key, value in machine.items() if key not in _IDLE), own.user + own.system


def others(seconds: float = 1.0) -> tuple[float, str]:
    """Watch the machine for a moment.

    Args:
        seconds: For how long.

    Returns:
        The processors that others use, and the busiest of them in words: `python 98 %, git 12 %`.
    """
    processes = [process for process in psutil.process_iter() if process.pid != os.getpid()]
    meter = LoadMeter()
    shares: dict[str, float] = {}
    for last in (False, True):
        for process in processes:
            try:
                share = process.cpu_percent()
                if last and share >= 5:
                    name = plain(process.name())
                    shares[name] = shares.get(name, 0.0) + share
            except psutil.Error:  # gone by now, or another user's
                continue
        if not last:
            time.sleep(seconds)
    named = sorted(shares.items(), key=lambda each: -each[1])[:3]
    return meter.read(), ", ".join(f"{name} {share:.0f} %" for name, share in named)


def idle(processors: Sequence[int], seconds: float = 0.3) -> float:
    """Watch some processors for a moment and return how many of them are idle; waiting for a disk counts as idle.

    Args:
        processors: Their numbers, as of the system.
        seconds: For how long.
    """
    before, began = _waited(processors), time.monotonic()
    time.sleep(seconds)
    return (_waited(processors) - before) / (time.monotonic() - began)


def _waited(processors: Sequence[int]) -> float:
    """Return the seconds that some processors have been idle since the system was started.

    psutil's own percentages are those of a whole second, however short the moment.
    """
    times = psutil.cpu_times(percpu=True)
    return sum(times[i].idle + getattr(times[i], "iowait", 0.0) for i in processors if i < len(times))


def gpu_use(index: int) -> float | None:
    """Return the share of a moment in which a CUDA device was busy, 0…1; None where NVIDIA's tool does not say.

    Args:
        index: The device's number, as CUDA counts.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    name = visible[index] if index < len(visible) and visible[index] else str(index)
    query = ["nvidia-smi", f"--id={name}", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
        return float(said.strip()) / 100
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
