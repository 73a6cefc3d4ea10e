"""Sweep folders as trainings leave them, made in no time: for tests, for benchmarks/report.py and for looking at.

`python tests/helpers/made_sweep.py FOLDER` writes the small one.
"""

import csv
import json
import math
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw
from safetensors.numpy import save_file

from yolograft.common.version import __version__

BACKBONES = {"yolo11": (1.0, 0.0), "effv1": (0.65, -0.03), "effv2": (0.85, 0.012), "mbv3": (0.66, -0.07)}
"""Parameters as a share of YOLO11's, and what the backbone adds to mAP50-95."""

NECKS = {"conv": (1.0, 0.0), "gsconv": (0.965, -0.002), "slim": (0.93, -0.012)}
SCALES = {"n": (2.59e6, 6.4, 0.40), "s": (9.43e6, 21.5, 0.45), "m": (20.1e6, 68.0, 0.48)}
CLASSES = ("platelet", "red cell", "white cell")


def make_sweep(
    folder: Path,
    *,
    backbones: Sequence[str] = tuple(BACKBONES),
    necks: Sequence[str] = ("conv", "gsconv"),
    scales: Sequence[str] = ("n",),
    seeds: int = 3,
    epochs: int = 30,
    classes: Sequence[str] = CLASSES,
    images: int = 6,
) -> Path:
    """Write a sweep of finished runs.

    Args:
        folder: The sweep's folder; made.
        backbones: Some of `BACKBONES`.
        necks: Some of `NECKS`, or other names: they do not matter.
        scales: Some of `SCALES`.
        seeds: Runs of each variant.
        epochs: Rows of each metrics.csv.
        classes: Class names.
        images: Validation images with predictions; 0 for none.
    """
    draw = np.random.default_rng(0)
    pictures = [_photograph(folder / "data" / f"cell {number}.jpg", draw, len(classes)) for number in range(images)]
    for backbone, neck, scale, seed in product(backbones, necks, scales, range(seeds)):
        share, gain = BACKBONES[backbone]
        neck_share, neck_gain = NECKS.get(neck, (1.0, float(draw.normal(0, 0.01))))
        params, gflops, value = SCALES[scale]
        value += gain + neck_gain + (-0.004, 0.001, 0.005)[seed % 3] + float(draw.normal(0, 0.004))
        choices = {"backbone": backbone, "context": "sppf_c2psa", "neck": neck, "head": "detect", "scale": scale}
        choices |= {"loss": "ciou", "dataset": "yolo", "logger": "csv"}
        run = folder / f"{backbone}_{neck}_{scale}_seed{seed}-{abs(hash((backbone, neck, scale, seed))) % 16**6:06x}"
        write_run(
            run,
            choices,
            seed,
            value,
            epochs,
            classes,
            draw,
            params=int(params * share * neck_share),
            gflops=round(gflops * share * neck_share, 2),
        )
        if pictures:
            _write_predictions(run, pictures, classes, value, draw)
    return folder


def write_run(
    run: Path,
    choices: dict[str, str],
    seed: int,
    value: float,
    epochs: int,
    classes: Sequence[str],
    draw: np.random.Generator,
    **fields: Any,
) -> Path:
    """Write one finished run's record, config and curves."""
    run.mkdir(parents=True)
    scores = {"precision": value + 0.25, "recall": value + 0.15, "mAP50": value + 0.22, "mAP50-95": value}
    lift = {name: 0.2 * math.sin(2.4 * number) for number, name in enumerate(classes)}
    per_class = {
        name: {
            metric: float(np.clip(score + lift[name] + draw.normal(0, 0.01), 0, 1)) for metric, score in scores.items()
        }
        for name in classes
    }
    params = fields.get("params", 2_590_000)
    record = {
        "status": "finished",
        "identity": run.name[-6:],
        "name": run.name,
        "choices": choices,
        "overrides": [f"{group}={choices[group]}" for group in ("backbone", "neck", "scale")] + [f"seed={seed}"],
        "seed": seed,
        "params": params,
        "parts": {"backbone": params // 2, "context": params // 10, "neck": params // 4, "head": params // 6},
        "gflops": 6.4,
        "latency": round(3 + params / 1e6 * 2.1 + (4 if choices["backbone"] != "yolo11" else 0), 3),
        "metrics": {**scores, "per_class": per_class},
        "data": {"fingerprint": "8c1f"},
        "best_epoch": epochs - 3,
        "epochs_done": epochs,
        "epochs": epochs,
        "seconds": 300.0 + params / 2e4 + float(draw.normal(0, 4)),
        "images_per_second": 60.0,
        "device": "cpu",
        "precision": "bfloat16",
        "batch": 16,
        "versions": {"yolograft": __version__, "torch": "2.15.0", "ultralytics": "8.4.185"},
        "error": None,
    } | fields
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (run / "checkpoints").mkdir()
    save_file({"weight": np.zeros(1, np.float32)}, run / "checkpoints" / "best.safetensors")
    config = {
        **{key: record[key] for key in ("seed", "epochs")},
        "imgsz": 320,
        "batch": 16,
        "patience": 50,
        "backbone": {"_target_": f"yolograft.model.backbones.{choices['backbone']}", "pretrained": False},
        "neck": {"_target_": f"yolograft.model.necks.{choices['neck']}", "ratio": 0.5},
        "dataset": {"path": "bccd/data.yaml", "fold": None},
        "optim": {"name": "auto", "lr0": 0.01, "lrf": 0.01, "momentum": 0.937, "weight_decay": 0.0005},
        "augment": {"mosaic": 1.0, "fliplr": 0.5, "hsv_h": 0.015},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    names = ("train/box_loss", "train/cls_loss", "train/dfl_loss", "val/box_loss", "val/cls_loss", "val/dfl_loss")
    with (run / "metrics.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["epoch", *names[:3], *(f"metrics/{name}" for name in scores), *names[3:], "lr/pg0"])
        for epoch in range(1, epochs + 1):
            losses = [round(1.1 + 2.2 * math.exp(-epoch / 9) + float(draw.normal(0, 0.03)), 5) for _ in names]
            reached = 1 - math.exp(-epoch / 8)
            found = [round(score * reached + float(draw.normal(0, 0.006)), 5) for score in scores.values()]
            rows.writerow([epoch, *losses[:3], *map(abs, found), *losses[3:], 0.01])
    return run


Labelled = list[list[float]]


def _photograph(file: Path, draw: np.random.Generator, classes: int) -> tuple[Path, Labelled]:
    """Draw a picture with a few cells; returns its boxes `[class, left, top, right, bottom]`, 0…1."""
    file.parent.mkdir(parents=True, exist_ok=True)
    width, height = 480, 360
    image = Image.new("RGB", (width, height), (232, 221, 214))
    pen = ImageDraw.Draw(image)
    boxes: Labelled = []
    for number in range(int(draw.integers(5, 10))):
        label, radius = number % classes, float(draw.uniform(18, 52))
        x, y = float(draw.uniform(radius, width - radius)), float(draw.uniform(radius, height - radius))
        corners = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(corners, fill=((150, 120, 190), (205, 120, 115), (90, 70, 150))[label % 3], outline=(120, 80, 90))
        boxes.append([label, corners[0] / width, corners[1] / height, corners[2] / width, corners[3] / height])
    image.save(file, quality=85)
    return file, boxes


def _write_predictions(
    run: Path,
    pictures: Sequence[tuple[Path, Labelled]],
    classes: Sequence[str],
    value: float,
    draw: np.random.Generator,
) -> None:
    """Write what a run found: most of the boxes, a little off, a few missed, mistaken or made up."""
    count = len(classes)
    confusion = np.zeros((count + 1, count + 1), int)
    images = []
    for file, boxes in pictures:
        found: Labelled = []
        for label, *corners in boxes:
            chance = float(draw.random())
            taken = int(label) if chance < 0.8 else (int(label) + 1) % count if chance < 0.88 else count
            confusion[taken, int(label)] += 12
            if taken < count:
                moved = [min(max(c + float(draw.normal(0, 0.008)), 0), 1) for c in corners]
                found.append([taken, *moved, round(float(draw.uniform(0.3, 0.95)), 3)])
        if draw.random() > value:
            found.append([0, 0.02, 0.03, 0.2, 0.24, 0.27])
            confusion[0, count] += 5
        images.append({"file": str(file), "labelled": boxes, "found": found})
    content = {"names": list(classes), "confidence": 0.25, "confusion": confusion.tolist(), "images": images}
    (run / "predictions.json").write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    print(make_sweep(Path(sys.argv[1])))
