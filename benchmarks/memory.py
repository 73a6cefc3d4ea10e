"""Does a long training keep its memory? The resident memory of all its processes, over many short epochs.

    python benchmarks/memory.py --epochs 50 --images 64 --imgsz 64 [KEY=VALUE …]

A sample after every epoch's row in metrics.csv. The slope is that of a straight line through the second half, since
the first epochs fill caches.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import throughput

_MB = 2**20


def resident(process: psutil.Process) -> float:
    """Return the resident memory of a process and its children, MB."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.Error:  # gone by now
            continue
    return total / _MB


def main() -> None:
    """Train and watch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--imgsz", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("ours", nargs="*", metavar="KEY=VALUE", help="more for yolograft")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memory-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        data = throughput.draw_pictures(folder / "data", options.images, max(options.images // 8, 1), options.imgsz)
        command = throughput.our_command(options, "n", data, folder / "runs")
        environment = {**os.environ, "YOLOGRAFT_CACHE": str(folder / "cache")}
        samples: list[float] = []
        with (folder / "said.txt").open("w") as said:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
            watched = psutil.Process(process.pid)
            while process.poll() is None:
                rows = sum(file.read_bytes().count(b"\n") - 1 for file in folder.glob("runs/*/metrics.csv"))
                if rows > len(samples):
                    samples += [resident(watched)] * (rows - len(samples))
                time.sleep(0.05)
        if process.returncode:
            sys.exit((folder / "said.txt").read_text()[-1500:])
    half = samples[len(samples) // 2 :]
    slope, _ = statistics.linear_regression(range(len(half)), half)
    result = {
        "epochs": len(samples),
        "first_mb": round(samples[0]),
        "middle_mb": round(half[0]),
        "last_mb": round(samples[-1]),
        "slope_mb_per_epoch": round(slope, 3),
        "samples_mb": [round(sample) for sample in samples],
    }
    print(f"{options.epochs} epochs of {options.images} images: {result['first_mb']} MB after the first, ", end="")
    print(f"{result['middle_mb']} in the middle, {result['last_mb']} at the end; {slope:+.3f} MB an epoch")
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
