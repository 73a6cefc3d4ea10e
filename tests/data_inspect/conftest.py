"""A small data set with one of many things: three splits, like images, faults, names in several scripts."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

NAMES = ["red & <b>blue</b>", "红细胞", "never"]


def picture(seed: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Patches of colour that are unlike those of any other seed."""
    patches = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(patches, (width, height), interpolation=cv2.INTER_NEAREST)


def add(root: Path, split: str, name: str, pixels: np.ndarray, rows: str | None) -> Path:
    """Write an image and its labels; return the image."""
    image, labels = root / "images" / split / name, root / "labels" / split / name
    for file in (image, labels):
        file.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(cv2.imencode(image.suffix, pixels)[1].tobytes())
    if rows is not None:
        labels.with_suffix(".txt").write_text(rows, encoding="utf-8")
    return image


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Four images to train on, two to validate on, one of them a background; returns the data.yaml."""
    root = tmp_path / "clean set"
    for n in range(4):
        add(root, "train", f"{n}.png", picture(n), "0 0.5 0.5 0.5 0.5\n1 0.25 0.25 0.25 0.5\n")
    add(root, "val", "8.png", picture(8), "1 0.5 0.5 0.5 0.5\n0 0.5 0.5 0.1 0.1\n")
    add(root, "val", "9.png", picture(9), None)
    return _yaml(root, ["a", "b"])


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A set with faults of every effect, a leak and a near-leak; its test split is not there. Returns the data.yaml."""
    root = tmp_path / "faulty"
    for n in range(6):
        add(root, "train", f"image {n}.png", picture(n), "0 0.5 0.5 0.5 0.5\n")
    add(root, "train", "range.png", picture(20), "0 0.5 0.5 0.4 0.4\n7 0.5 0.5 0.4 0.4\n")
    add(root, "train", "pixels.png", picture(21), "0 320 240 64 48\n")
    add(root, "train", "twice.png", picture(22), "1 0.5 0.5 0.4 0.4\n1 0.5 0.5 0.4 0.4\n")
    add(root, "train", "again.png", picture(22), "1 0.5 0.5 0.4 0.4\n")
    add(root, "train", "红 <i>.png", cv2.cvtColor(picture(23), cv2.COLOR_BGR2GRAY), "1 0.5 0.5 0.4 0.4\n")
    add(root, "train", "broken.png", picture(24), "0 0.5 0.5 0.4 0.4\n").write_bytes(b"no image")
    add(root, "val", "own.png", picture(30), "0 0.5 0.5 0.4 0.4\n")
    shutil.copy(root / "images/train/image 0.png", root / "images/val/copied.png")
    (root / "labels/val/copied.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    brighter = np.clip(picture(1).astype(int) + 3, 0, 255).astype(np.uint8)
    add(root, "val", "brighter.png", brighter, "0 0.5 0.5 0.5 0.5\n")
    yaml = _yaml(root, NAMES)
    yaml.write_text(yaml.read_text(encoding="utf-8") + "test: none.txt\n", encoding="utf-8")
    (root / "none.txt").write_text("notes of somebody\n")  # a split that cannot be read
    return yaml


def _yaml(root: Path, names: list[str]) -> Path:
    file = root / "data.yaml"
    file.write_text(f"train: images/train\nval: images/val\nnames: {names}\n", encoding="utf-8")
    return file
