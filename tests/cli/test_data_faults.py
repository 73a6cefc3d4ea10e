"""Faulty data as a user meets it: skipped and counted where stock skips, one line where nothing can be trained."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.program import Program

SETTINGS = ("imgsz=64", "batch=2", "epochs=1", "device=cpu", "trainer.threads=1", "trainer.plots=false")


def make(root: Path, images: int = 4, splits: tuple[str, ...] = ("train", "val")) -> Path:
    """Make a small YOLO data set and return its data.yaml."""
    generator = np.random.default_rng(0)
    for split in splits:
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for number in range(images):
            picture = generator.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            cv2.imwrite(str(root / "images" / split / f"{number}.png"), picture)
            (root / "labels" / split / f"{number}.txt").write_text("0 0.5 0.5 0.4 0.4\n1 0.3 0.3 0.2 0.2\n")
    yaml = root / "data.yaml"
    yaml.write_text("train: images/train\nval: images/val\nnames: [a, b]\n")
    return yaml


def test_what_stock_skips_is_named_and_counted(tmp_path: Path, yolograft: Program) -> None:
    yaml = make(tmp_path / "data", images=8)
    labels, images = tmp_path / "data" / "labels" / "train", tmp_path / "data" / "images" / "train"
    (labels / "0.txt").write_text("0 0.5 0.5 0.4 0.4\n7 0.5 0.5 0.4 0.4\n")
    (labels / "1.txt").write_text("0 0.5 half 0.4 0.4\n")
    (labels / "2.txt").write_text("0 320 240 64 48\n")
    (images / "3.png").write_text("not an image")
    refused = yolograft("train", "dataset=yolo", f"dataset.path={yaml}", *SETTINGS)
    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "train/0.txt:2: class 7 is out of range" in refused.stderr.replace("\\", "/")
    assert "also 1 number, 1 pixels. Results on such data would be wrong" in refused.stderr
    done = yolograft("train", "dataset=yolo", f"dataset.path={yaml}", "dataset.check=warn", *SETTINGS)
    assert done.returncode == 0, done.stderr
    (record,) = tmp_path.glob("runs/*/run.json")
    found = json.loads(record.read_text(encoding="utf-8"))["data"]["train"]
    assert (found["images"], found["skipped"]) == (4, 4)
    assert found["kinds"] == {"class-range": 1, "number": 1, "pixels": 1, "unreadable-image": 1}
    assert len(found["faults"]) == 4
    said = done.stderr.replace("\\", "/")
    for words in ("train/0.txt:2: class 7 is out of range", "train/1.txt:1: 'half' is not a number"):
        assert words in said
    assert "train/2.txt:1: coordinate 320 is not a fraction of the image" in said
    assert "train/3.png: not an image" in said


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (
            lambda root: (root / "data.yaml").write_text("train: images/train\nval: images/none\nnames: [a, b]\n"),
            "none",
        ),
        (lambda root: [p.unlink() for p in (root / "images" / "val").iterdir()], "no images"),
        (lambda root: [p.write_text("9 0.5 0.5 0.1 0.1") for p in (root / "labels" / "train").iterdir()], "class 9"),
        (lambda root: (root / "data.yaml").write_text("train: images/train\nval: images/val\n"), "names"),
        (lambda root: (root / "data.yaml").write_text("names: [unclosed"), "data.yaml"),
    ],
    ids=["missing folder", "empty split", "all labels wrong", "no names", "not YAML"],
)
def test_what_cannot_be_trained_on_stops_in_one_line(
    spoil: Callable[[Path], object], named: str, tmp_path: Path, yolograft: Program
) -> None:
    yaml = make(tmp_path / "data")
    spoil(tmp_path / "data")
    done = yolograft("train", "dataset=yolo", f"dataset.path={yaml}", *SETTINGS)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("yolograft: ")
    assert named in done.stderr
    assert not (tmp_path / "runs").exists()  # nothing was begun, nothing is left
