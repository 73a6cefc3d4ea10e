"""How long a person waits for an answer that needs no training: help, refusals, the import of the package.

    python benchmarks/startup.py [ROUNDS] [FILE]

Each case is a process of its own, started once per round; rounds are interleaved, so that what else the machine does
falls on all cases alike. Written are the median and the least of the wall-clock and of the processor seconds. Processor
seconds are what counts on a busy machine; there they still grow, with hyper-threads and caches shared. An interpreter
that does nothing is the floor of all of them.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from yolograft.common.version import __version__

CASES = {
    "python -c pass": ["-c", "pass"],
    "import yolograft": ["-c", "import yolograft"],
    "yolograft --help": ["-m", "yolograft", "--help"],
    "yolograft train --help": ["-m", "yolograft", "train", "--help"],
    "yolograft train --cfg job": ["-m", "yolograft", "train", "--cfg", "job"],
    "refused: train bakbone=effv1": ["-m", "yolograft", "train", "bakbone=effv1"],
    "refused: train backbone=efv1": ["-m", "yolograft", "train", "backbone=efv1"],
    "refused: train epochs=three": ["-m", "yolograft", "train", "epochs=three"],
    "refused: train device=mps": ["-m", "yolograft", "train", "device=mps"],
    "refused: train weights=no/such/file.pt": ["-m", "yolograft", "train", "weights=no/such/file.pt"],
    "refused: data no/such/folder": ["-m", "yolograft", "data", "no/such/folder"],
}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    before, busy = os.getloadavg()[0], others()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as folder:
        for arguments in CASES.values():  # bytecode and disk caches are there from the second time on
            timed(arguments, folder)
        for _ in range(rounds):
            for name, arguments in CASES.items():
                times[name].append(timed(arguments, folder))
    lines = [
        f"yolograft {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores, {rounds} rounds",
        f"load when it began {before:.1f}, when it ended {os.getloadavg()[0]:.1f}; beside it: {busy}",
        "",
        f"{'':40} {'wall median':>12} {'least':>7} {'cpu median':>12} {'least':>7}   seconds",
    ]
    for name, found in times.items():
        wall, cpu = zip(*found, strict=True)
        values = statistics.median(wall), min(wall), statistics.median(cpu), min(cpu)
        lines.append("{:40} {:12.3f} {:7.3f} {:12.3f} {:7.3f}".format(name, *values))
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(text, encoding="utf-8")


def timed(arguments: list[str], folder: str) -> tuple[float, float]:
    """Return wall-clock and processor seconds of a process."""
    used = os.times()
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, check=False)
    wall = time.perf_counter() - began
    now = os.times()
    assert done.returncode in (0, 2), done.stderr
    return wall, now.children_user - used.children_user + now.children_system - used.children_system


def others() -> str:
    """Return which other programs are busy, and how much of a core they take."""
    processes = [process for process in psutil.process_iter() if process.pid != os.getpid()]
    for process in processes:
        process.cpu_percent()
    time.sleep(1)
    busy: dict[str, float] = {}
    for process in processes:
        try:
            busy[process.name()] = busy.get(process.name(), 0.0) + process.cpu_percent()
        except psutil.Error:  # gone by now
            continue
    named = [f"{name} {share:.0f} %" for name, share in sorted(busy.items(), key=lambda each: -each[1]) if share >= 5]
    return ", ".join(named) or "nothing"


if __name__ == "__main__":
    main()
