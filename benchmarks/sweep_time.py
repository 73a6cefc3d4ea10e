"""How long do eight variants take: one sweep of ours, and a shell loop of ultralytics' trainings?

    python benchmarks/sweep_time.py --data data.yaml --imgsz 320 --batch 16 --epochs 5
    python benchmarks/sweep_time.py --images 64 --imgsz 64 --epochs 2 --ours hydra/launcher=joblib

The variants of ours are four backbones with two necks; ultralytics trains YOLO11n eight times, since it has no others.
Both start in turns, each with a cache of its own; wall-clock time from the start to the last file.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import throughput

VARIANTS = ("backbone=yolo11,effv1,effv2,mbv3", "neck=conv,gsconv")
COUNT = 8


def ours(options: argparse.Namespace, data: Path, folder: Path) -> list[list[str]]:
    """Return the one command of our sweep."""
    command = throughput.our_command(options, "n", data, folder)
    return [[*command[:4], "-m", "name=eight", *VARIANTS, *command[4:]]]


def stock(options: argparse.Namespace, data: Path, folder: Path) -> list[list[str]]:
    """Return the commands of the shell loop."""
    return [throughput.stock_command(options, "n", data, folder / str(index)) for index in range(COUNT)]


def seconds(commands: list[list[str]], folder: Path) -> float:
    """Run commands one after the other and return the seconds that they take.

    Raises:
        RuntimeError: One of them fails.
    """
    env = {**os.environ, "YOLO_CONFIG_DIR": str(folder / "settings"), "YOLOGRAFT_CACHE": str(folder / "cache")}
    env["YOLO_OFFLINE"] = "true"
    (folder / "settings").mkdir(parents=True)
    began = time.monotonic()
    for command in commands:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")
    return time.monotonic() - began


def main() -> None:
    """Prepare the images and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a data.yaml with image folders; default: pictures that are drawn")
    parser.add_argument("--repeat", type=int, default=1, help="how often each training image of --data is there")
    parser.add_argument("--images", type=int, default=256, help="pictures to draw, a tenth of them again to validate")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--workers", type=int, help="loading processes of both; default: what each chooses")
    parser.add_argument("--stock", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--ours", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, help="a JSON file, renewed after every sweep")
    options = parser.parse_args()
    results: dict[str, Any] = {"settings": vars(options), "load": os.getloadavg()[0], "seconds": []}
    with tempfile.TemporaryDirectory(prefix="sweep-time-", ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        if options.data:
            data = throughput.repeat_images(options.data, work / "data", options.repeat)
        else:
            data = throughput.draw_pictures(work / "data", options.images, max(options.images // 10, 1), options.imgsz)
        for pair in range(options.pairs):
            taken: dict[str, float] = {}
            for who, commands in (("stock", stock), ("ours", ours)):
                place = work / f"{pair}-{who}"
                taken[who] = round(seconds(commands(options, data, place / "runs"), place), 1)
                shutil.rmtree(place, ignore_errors=True)
                print(f"{who:5} {COUNT} trainings in {taken[who]:.1f} s", flush=True)
            results["seconds"].append({**taken, "share": round(taken["ours"] / taken["stock"], 3)})
            print(f"ours takes {results['seconds'][-1]['share']:.2f} of the loop's time", flush=True)
            if options.out:
                options.out.write_text(json.dumps(results, indent=1, default=str) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
