"""How do costs grow: with images, image size, variants of a sweep, loading processes?

    python benchmarks/scaling.py --only images,imgsz --imgsz 160 --batch 16
    python benchmarks/scaling.py --tiny

Each line is one training (or sweep) of drawn pictures. A slope is that of log(seconds) over log(size): 1 is linear, 0
is free. Seconds of images and image size are those of an epoch after the first, those of variants the whole command's.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import throughput

KINDS = ("images", "imgsz", "variants", "workers")


def epoch_seconds(options: argparse.Namespace, work: Path, images: int, imgsz: int, workers: int) -> float:
    """Return the median seconds of an epoch after the first."""
    folder = work / f"{images}-{imgsz}-{workers}"
    data = throughput.draw_pictures(folder / "data", images, options.batch, imgsz)
    settings = argparse.Namespace(**{**vars(options), "imgsz": imgsz, "workers": workers, "ours": []})
    command = throughput.our_command(settings, "n", data, folder / "training" / "runs")
    told = throughput.time_training(command, "runs/*/metrics.csv", folder / "training", images, 3600)
    shutil.rmtree(folder, ignore_errors=True)
    if told["returncode"]:
        raise RuntimeError(told["said"])
    return statistics.median(told["epochs_s"])


def sweep_seconds(options: argparse.Namespace, work: Path, variants: int) -> float:
    """Return the seconds of a sweep of so many seeds of one variant."""
    folder = work / f"{variants}-variants"
    data = throughput.draw_pictures(folder / "data", options.images, options.batch, options.imgsz)
    command = throughput.our_command(options, "n", data, folder / "runs")
    command = [*command[:4], "-m", "name=swept", "seed=" + ",".join(map(str, range(variants))), *command[4:]]
    environment = {**os.environ, "YOLOGRAFT_CACHE": str(folder / "cache")}
    began = time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.monotonic() - began


def slope(sizes: list[float], seconds: list[float]) -> float:
    """Return the slope of log(seconds) over log(size)."""
    return statistics.linear_regression([math.log(size) for size in sizes], [math.log(s) for s in seconds]).slope


def main() -> int:
    """Measure one kind after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(KINDS), help="some of " + ", ".join(KINDS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--tiny", action="store_true", help="two sizes of each, to try the script itself")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.workers, options.ours = 0, []
    if options.tiny:
        options.images, options.imgsz, options.batch, options.epochs = 16, 64, 8, 2
    few = 2 if options.tiny else 4
    sizes: dict[str, list[int]] = {
        "images": [options.images * 2**power for power in range(few)],
        "imgsz": [options.imgsz * (1 + step) for step in range(few)],
        "variants": [1, 2, 4, 8][:few],
        "workers": [0, 1, 2][:few],
    }
    results: dict[str, Any] = {"settings": vars(options), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="scaling-", ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        for kind in options.only.split(","):
            measured: list[float] = []
            for size in sizes[kind]:
                if kind == "variants":
                    measured.append(sweep_seconds(options, work, size))
                else:
                    shape = {"images": options.images, "imgsz": options.imgsz, "workers": 0, kind: size}
                    measured.append(epoch_seconds(options, work, **shape))
                print(f"{kind:9} {size:6} {measured[-1]:9.3f} s", flush=True)
            results[kind] = {"sizes": sizes[kind], "seconds": [round(value, 3) for value in measured]}
            if kind != "workers":
                results[kind]["slope"] = round(slope([float(size) for size in sizes[kind]], measured), 3)
                print(f"{kind:9} slope {results[kind]['slope']:.2f}", flush=True)
            if options.out:
                options.out.write_text(json.dumps(results, indent=1, default=str) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
