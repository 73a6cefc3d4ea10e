"""How fast is a training beside ultralytics' own? Whole epochs of both, in turns, on the same images.

    python benchmarks/throughput.py --device 0                                   # yolo11n, 640 px, batch 64
    python benchmarks/throughput.py --device cpu --imgsz 320 --batch 16 --data data.yaml
    python benchmarks/throughput.py --device 0 --scales n s m --pairs 1 --out throughput.json
    python benchmarks/throughput.py --device cpu --imgsz 320 --batch 16 --beside 1   # a busy process beside each

Each training is a process of its own: `yolograft train …` and `yolo train …`, both as they come; `--stock cache=ram`
is what ultralytics is fastest with, where memory allows it. Epochs are timed from outside, by the rows that appear in
metrics.csv and results.csv: loading, augmentation and validation are in them. The first epoch is counted apart, with
the start. Images are decoded anew by every process. The order is stock, ours, stock, ours; a ratio above 1 says that
ours is faster.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

BEST = ["cache=ram"]
"""What makes ultralytics fastest where memory allows it: images are decoded once."""

_STOCK = """
import sys
import ultralytics.engine.trainer as engine
from ultralytics.cfg import entrypoint
from ultralytics.utils import SETTINGS
# Loggers that happen to be installed beside yolograft.
SETTINGS.update({key: False for key, value in SETTINGS.items() if value is True})
if "device=cpu" not in sys.argv:
    # On CUDA it downloads weights, and is no part of the training. On a CPU it is what says that precision is fp32.
    engine.check_amp = lambda model: True
entrypoint()
"""
"""The console command `yolo`."""


def draw_pictures(folder: Path, train: int, val: int, size: int) -> Path:
    """Write JPEGs of rectangles on noise with YOLO labels, and return their data.yaml."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        images, labels = folder / "images" / split, folder / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for index in range(count):
            height = size * 3 // 4
            coarse = rng.integers(0, 256, (height // 8, size // 8, 3), np.uint8)
            image = cv2.resize(coarse, (size, height), interpolation=cv2.INTER_CUBIC)
            rows = []
            for _ in range(int(rng.integers(1, 12))):
                kind = int(rng.integers(3))
                width, tall = rng.uniform(0.05, 0.3, 2)
                x, y = rng.uniform(width / 2, 1 - width / 2), rng.uniform(tall / 2, 1 - tall / 2)
                corner = (int((x - width / 2) * size), int((y - tall / 2) * height))
                end = (int((x + width / 2) * size), int((y + tall / 2) * height))
                colour = [(0, 0, 255), (0, 255, 0), (255, 0, 0)][kind]
                cv2.rectangle(image, corner, end, colour, -1)
                rows.append(f"{kind} {x:.5f} {y:.5f} {width:.5f} {tall:.5f}\n")
            (images / f"{index:05d}.jpg").write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
            (labels / f"{index:05d}.txt").write_text("".join(rows), encoding="ascii")
    content = {"path": str(folder), "train": "images/train", "val": "images/val", "names": ["red", "green", "blue"]}
    file = folder / "data.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def repeat_images(source: Path, folder: Path, times: int) -> Path:
    """Copy a data set, its training images several times over, and return the copy's data.yaml.

    Args:
        source: The data.yaml; its splits are folders beside it, `images/…` with labels in `labels/…`.
        folder: Where the copy goes.
        times: How often each training image is there.
    """
    told = yaml.safe_load(source.read_text(encoding="utf-8"))
    root = source.parent / (told.get("path") or ".")
    for split, copies in (("train", times), ("val", 1)):
        for kind in ("images", "labels"):
            target = folder / kind / split
            target.mkdir(parents=True)
            place = root / str(told[split]).replace("images", kind, 1)
            for file in sorted(place.iterdir()):
                for copy in range(copies):
                    shutil.copyfile(file, target / f"{file.stem}-{copy}{file.suffix}")
    content = {"path": str(folder), "train": "images/train", "val": "images/val", "names": told["names"]}
    copied = folder / "data.yaml"
    copied.write_text(yaml.safe_dump(content), encoding="utf-8")
    return copied


def stock_command(options: argparse.Namespace, scale: str, data: Path, folder: Path) -> list[str]:
    """Return the command of one of ultralytics' trainings."""
    words = [f"model=yolo11{scale}.yaml", f"data={data}", f"epochs={options.epochs}", f"imgsz={options.imgsz}"]
    words += [f"batch={options.batch}", f"device={options.device}", f"project={folder}", "name=stock"]
    words += ["close_mosaic=0", "plots=False", "verbose=False"]  # else so short a training has no mosaic at all
    if options.workers is not None:
        words.append(f"workers={options.workers}")
    return [sys.executable, "-c", _STOCK, "train", *words, *options.stock]


def our_command(options: argparse.Namespace, scale: str, data: Path, folder: Path) -> list[str]:
    """Return the command of one of our trainings."""
    command = [sys.executable, "-m", "yolograft", "train", "dataset=yolo", f"dataset.path={data}", "dataset.check=off"]
    command += [f"scale={scale}", f"epochs={options.epochs}", f"imgsz={options.imgsz}", f"batch={options.batch}"]
    command += [f"device={options.device}", "augment.close_mosaic=0", "trainer.plots=false", f"project={folder}"]
    if options.workers is not None:
        command.append(f"workers={options.workers}")
    return [*command, *options.ours]


def time_training(command: list[str], table: str, folder: Path, images: int, limit: float) -> dict[str, Any]:
    """Run a training and note when each epoch's row is there.

    Args:
        command: The training.
        table: Pattern of the table's path within `folder`.
        folder: Empty; caches go there too.
        images: Training images.
        limit: Seconds after which the training is killed.

    Returns:
        `seconds` of the whole process, `first_epoch_s` from the start to the first row, `epochs_s` of the others,
        `images_per_second` of the others, `returncode`, and where it failed the end of what it said.
    """
    env = {**os.environ, "YOLO_CONFIG_DIR": str(folder / "settings"), "YOLOGRAFT_CACHE": str(folder / "cache")}
    env["YOLO_OFFLINE"] = "true"
    (folder / "settings").mkdir(parents=True)
    began, rows = time.monotonic(), list[float]()
    with (folder / "said.txt").open("w+b") as said:
        process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        while process.poll() is None:
            if time.monotonic() - began > limit:
                process.kill()
                process.wait()
            rows += [time.monotonic() - began] * (_rows(folder, table) - len(rows))
            time.sleep(0.02)
        seconds = time.monotonic() - began
        rows += [seconds] * (_rows(folder, table) - len(rows))
        said.seek(0)
        tail = said.read()[-1500:].decode(errors="replace")
    steady = [after - before for before, after in pairwise(rows)]
    result: dict[str, Any] = {
        "seconds": round(seconds, 2),
        "first_epoch_s": round(rows[0], 2) if rows else None,
        "epochs_s": [round(value, 3) for value in steady],
        "images_per_second": round(images / statistics.median(steady), 1) if steady else None,
        "returncode": process.returncode,
    }
    return result if process.returncode == 0 else {**result, "said": tail}


def _rows(folder: Path, table: str) -> int:
    """Return the rows of a table that may not be there yet, without its head."""
    for file in folder.glob(table):
        return max(file.read_bytes().count(b"\n") - 1, 0)
    return 0


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processors busy, at ordinary priority, for a while."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def ratios(stock: dict[str, Any], ours: dict[str, Any]) -> dict[str, float | None]:
    """Return how many times as fast ours is: in epochs after the first, and from the start to the end."""
    epochs = (ours["images_per_second"], stock["images_per_second"])
    return {
        "epochs": round(epochs[0] / epochs[1], 3) if all(epochs) else None,
        "whole": round(stock["seconds"] / ours["seconds"], 3),
    }


def measure(options: argparse.Namespace, data: Path, images: int, work: Path) -> None:
    """Time every pair; the results so far are written after each training."""
    began = time.monotonic()
    results: dict[str, Any] = {"settings": {**vars(options), "images": images}, "scales": {}}
    commands = {
        "stock": (stock_command, "stock/results.csv"),
        "ours": (our_command, "runs/*/metrics.csv"),
    }
    for scale in options.scales:
        trainings: list[dict[str, Any]] = []
        results["scales"][scale] = {"trainings": trainings, "ratios": []}
        for pair in range(options.pairs):
            for who, (command, table) in commands.items():
                left = options.budget - (time.monotonic() - began)
                if left < 15:
                    print("the time is up", flush=True)
                    return
                folder = work / f"{scale}-{pair}-{who}"
                project = folder / table.split("/", maxsplit=1)[0] if who == "ours" else folder
                line = command(options, scale, data, project)
                with busy(options.beside):
                    trainings.append({"who": who, **time_training(line, table, folder, images, left)})
                told = trainings[-1]
                print(
                    f"yolo11{scale} {who:5} {told['images_per_second'] or 0:8.1f} images/s  first epoch after "
                    f"{told['first_epoch_s'] or 0:6.1f} s  whole {told['seconds']:7.1f} s  exit {told['returncode']}",
                    flush=True,
                )
                if told["returncode"]:
                    print(told["said"], flush=True)
                shutil.rmtree(folder, ignore_errors=True)
                _write(options.out, results)
            results["scales"][scale]["ratios"].append(ratios(*trainings[-2:]))
            print(f"yolo11{scale} pair {pair + 1}: ours / stock {results['scales'][scale]['ratios'][-1]}", flush=True)
            _write(options.out, results)


def _write(file: Path | None, results: dict[str, Any]) -> None:
    if file:
        file.write_text(json.dumps(results, indent=1, default=str) + "\n", encoding="utf-8")


def main() -> None:
    """Prepare the images and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a data.yaml with image folders; default: pictures that are drawn")
    parser.add_argument("--repeat", type=int, default=1, help="how often each training image of --data is there")
    parser.add_argument("--images", type=int, default=1024, help="pictures to draw, a tenth of them again to validate")
    parser.add_argument("--device", default="0")
    parser.add_argument("--scales", nargs="+", default=["n"])
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--workers", type=int, help="loading processes of both; default: what each chooses")
    parser.add_argument("--beside", type=int, default=0, help="busy processes beside each training")
    parser.add_argument("--stock", nargs="*", default=[], metavar="KEY=VALUE", help=f"more for it; {BEST[0]} is best")
    parser.add_argument("--ours", nargs="*", default=[], metavar="KEY=VALUE", help="more for yolograft")
    parser.add_argument("--budget", type=float, default=1e9, help="seconds after which no training is started")
    parser.add_argument("--out", type=Path, help="a JSON file, renewed after every training")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="throughput-", ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        if options.data:
            data = repeat_images(options.data, work / "data", options.repeat)
        else:
            data = draw_pictures(work / "data", options.images, max(options.images // 10, 1), options.imgsz)
        images = sum(1 for _ in (work / "data/images/train").iterdir())
        beside = f", {options.beside} busy processes beside each training" if options.beside else ""
        shape = f"{options.imgsz} px, batch {options.batch}, device {options.device}"
        print(f"{images} images, {shape}{beside}; load {os.getloadavg()[0]:.1f}", flush=True)
        measure(options, data, images, work)


if __name__ == "__main__":
    main()
