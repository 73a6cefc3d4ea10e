"""The made data set: the same pixels for the same options, complete or not there."""

import hashlib
import json
import multiprocessing
import os
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolograft.common.errors import UserError
from yolograft.data.sources import shapes as module
from yolograft.data.sources.shapes import CLASSES, MARKER, shapes
from yolograft.data.spec import DataSpec


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache ü"))
    return tmp_path / "cache ü"


def labels(spec: DataSpec, split: str) -> list[list[float]]:
    files = sorted((Path(spec.root) / "labels" / split).iterdir())
    return [[float(value) for value in row.split()] for file in files for row in file.read_text().splitlines()]


def decoded(file: Path) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR))


def pixels(spec: DataSpec) -> str:
    """A hash of all decoded images and all labels."""
    digest = hashlib.sha256()
    for file in sorted(Path(spec.root).glob("images/*/*.png")):
        digest.update(decoded(file).tobytes())
    for file in sorted(Path(spec.root).glob("labels/*/*.txt")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def test_same_options_same_pixels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    np.random.seed(1)
    first = pixels(shapes(train=6, val=3, size=64, seed=5))
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "elsewhere"))
    np.random.seed(2)
    assert pixels(shapes(train=6, val=3, size=64, seed=5)) == first
    assert pixels(shapes(train=6, val=3, size=64, seed=6)) != first


def test_more_images_begin_with_the_same_ones() -> None:
    few, many = shapes(train=2, val=2, size=64), shapes(train=4, val=2, size=64)
    name = "images/train/000001.png"
    assert (Path(few.root) / name).read_bytes() == (Path(many.root) / name).read_bytes()
    assert len(list(Path(many.train[0]).iterdir())) == 4


def test_train_and_val_differ() -> None:
    root = Path(shapes(train=1, val=1, size=64).root)
    assert (root / "images/train/000000.png").read_bytes() != (root / "images/val/000000.png").read_bytes()


def test_what_is_in_it() -> None:
    spec = shapes(train=80, val=1, size=96, max_objects=5)
    assert spec.names == dict(enumerate(CLASSES))
    rows = np.array(labels(spec, "train"))
    assert set(Counter(rows[:, 0])) == {0.0, 1.0, 2.0, 3.0}
    low, high = rows[:, 1:3] - rows[:, 3:5] / 2, rows[:, 1:3] + rows[:, 3:5] / 2
    assert low.min() >= -1e-5
    assert high.max() <= 1 + 1e-5
    sides = rows[:, 3:5].max(1)
    assert sides.min() < 0.2
    assert sides.max() > 0.4
    per_image = [len(file.read_text().splitlines()) for file in (Path(spec.root) / "labels" / "train").iterdir()]
    assert min(per_image) == 0, "some images have no object"
    assert max(per_image) == 5
    overlapping = sum(bool(((low[i] < high[i + 1]) & (low[i + 1] < high[i])).all()) for i in range(len(rows) - 1))
    assert overlapping > 0


def test_the_smallest_objects_are_as_chosen_and_the_set_s_name_stays_without_a_choice() -> None:
    few = {"train": 40, "val": 1, "size": 96, "max_objects": 2}
    usual, large = shapes(**few), shapes(**few, smallest=0.2)
    assert shapes(**few, smallest=0.08).root == usual.root != large.root
    radii = {spec.root: np.array(labels(spec, "train"))[:, 3:5].max(1) / 2 for spec in (usual, large)}
    assert radii[usual.root].min() < 0.12
    assert radii[large.root].min() > 0.15  # one at the edge of its image reaches out of it
    with pytest.raises(UserError, match=r"dataset\.smallest=0\.5 is out of range; it must be from 0\.02 to 0\.28"):
        shapes(**few, smallest=0.5)


def test_colour_does_not_give_the_class_away() -> None:
    spec = shapes(train=80, val=1, size=64, max_objects=3)
    hues: dict[int, list[np.ndarray]] = {index: [] for index in range(4)}
    for file in sorted(Path(spec.train[0]).iterdir()):
        image = decoded(file)
        label = Path(str(file).replace("images", "labels")).with_suffix(".txt")
        for row in label.read_text().splitlines():
            kind, x, y, *_ = (float(value) for value in row.split())
            hues[int(kind)].append(image[min(int(y * 64), 63), min(int(x * 64), 63)].astype(float))
    means = np.array([np.mean(values, 0) for values in hues.values()])
    spread = np.std([value for values in hues.values() for value in values], 0)
    assert (np.ptp(means, 0) < spread).all()


def test_second_call_makes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = shapes(train=2, val=1, size=64)
    monkeypatch.setattr(module, "_make", lambda *_: pytest.fail("made again"))
    assert shapes(train=2, val=1, size=64) == spec


def test_a_killed_build_is_not_taken_for_finished(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = module._draw
    calls = iter(range(3))

    def killed(*args: object) -> object:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return draw(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_draw", killed)
    with pytest.raises(KeyboardInterrupt):
        shapes(train=4, val=1, size=64)
    assert list((cache / "shapes").iterdir()) == []
    monkeypatch.setattr(module, "_draw", draw)
    assert len(list(Path(shapes(train=4, val=1, size=64).train[0]).iterdir())) == 4


def test_a_folder_without_marker_is_made_again() -> None:
    spec = shapes(train=2, val=1, size=64)
    (Path(spec.root) / MARKER).unlink()
    (Path(spec.root) / "images" / "train" / "000000.png").unlink()
    shapes(train=2, val=1, size=64)
    assert len(list(Path(spec.train[0]).iterdir())) == 2
    assert json.loads((Path(spec.root) / MARKER).read_text())["train"] == 2


def test_remains_of_killed_builds_go_after_a_day(cache: Path) -> None:
    old, new = cache / "shapes" / ".abc-old", cache / "shapes" / ".abc-new"
    old.mkdir(parents=True)
    new.mkdir()
    os.utime(old, (time.time() - 1e5,) * 2)
    shapes(train=1, val=1, size=64)
    assert not old.exists()
    assert new.exists()


def make_small(_: int) -> str:
    return shapes(train=12, val=2, size=64).root


def test_two_processes_at_once(cache: Path) -> None:
    with multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn").Pool(2) as pool:
        roots = pool.map(make_small, range(2), chunksize=1)
    assert roots[0] == roots[1]
    assert [folder.name for folder in (cache / "shapes").iterdir()] == [Path(roots[0]).name]
    assert len(list(Path(roots[0], "images", "train").iterdir())) == 12


@pytest.mark.parametrize(
    ("option", "value"), [("train", 0), ("val", 0), ("size", 16), ("max_objects", 0), ("seed", -1)]
)
def test_options_out_of_range(option: str, value: int) -> None:
    with pytest.raises(UserError, match=rf"dataset\.{option}={value} is too small"):
        shapes(**{option: value})
