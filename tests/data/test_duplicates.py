"""Images that are the same, or nearly so, are found; others are not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolograft.data import duplicates
from yolograft.data.duplicates import across, groups, repeats, similar, within
from yolograft.data.labels.yolo import YoloLabels
from yolograft.data.scan import Scan, scan


def picture(seed: int) -> Image.Image:
    """A scene of its own: smooth blobs, as photographs have."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((160, 120), Image.Resampling.BICUBIC)


def read(folder: Path) -> tuple[list[str], Scan]:
    files = sorted(map(str, folder.iterdir()))
    return files, scan(files, YoloLabels(), 1)


@pytest.fixture
def splits(tmp_path: Path) -> dict[str, tuple[list[str], Scan]]:
    """Train has eight scenes; val has four of its own, a copy, a re-encoded, a shifted and a brightened one."""
    train, val = tmp_path / "train", tmp_path / "val"
    train.mkdir()
    val.mkdir()
    for seed in range(8):
        picture(seed).save(train / f"{seed}.png")
    for seed in range(20, 24):
        picture(seed).save(val / f"{seed}.png")
    (val / "copy.png").write_bytes((train / "1.png").read_bytes())
    picture(2).save(val / "encoded.jpg", quality=50)
    picture(3).transform((160, 120), Image.Transform.AFFINE, (1, 0, 2, 0, 1, 1)).save(val / "shifted.png")
    Image.fromarray((np.asarray(picture(4)) * 0.6 + 60).astype(np.uint8)).save(val / "brighter.png")
    return {"train": read(train), "val": read(val)}


def test_the_same_and_nearly_the_same_image_in_two_splits(splits: dict[str, tuple[list[str], Scan]]) -> None:
    found = {Path(fault.file).name: fault for fault in across(splits)}
    assert {name: fault.kind for name, fault in found.items()} == {
        "copy.png": "leak",
        "encoded.jpg": "near-leak",
        "shifted.png": "near-leak",
        "brighter.png": "near-leak",
    }
    assert found["copy.png"].message == f"in val, but the same image is in train: {splits['train'][0][1]}"
    assert found["encoded.jpg"].message.endswith(f"is in train: {splits['train'][0][2]}")


def test_one_file_in_two_splits_is_a_leak_whatever_it_shows(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "white").save(tmp_path / "blank.png")
    one = read(tmp_path)
    assert [(fault.kind, fault.line) for fault in across({"train": one, "val": one})] == [("leak", None)]


def test_blank_images_are_not_alike(tmp_path: Path) -> None:
    for folder, colour in (("train", "white"), ("val", "black")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (40, 40), colour).save(tmp_path / folder / f"{colour}.png")
    assert across({"train": read(tmp_path / "train"), "val": read(tmp_path / "val")}) == []


def test_within_a_split_and_in_groups(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2), ("c", 1), ("d", 3), ("e", 1)):
        picture(seed).save(tmp_path / f"{name}.png")
    files, found = read(tmp_path)
    assert [(Path(fault.file).name, fault.kind) for fault in within(files, found)] == [
        ("c.png", "duplicate-image"),
        ("e.png", "duplicate-image"),
    ]
    assert groups(found).tolist() == [0, 1, 0, 3, 0]


def test_a_camera_that_does_not_move_gives_one_line_per_image_not_per_pair(tmp_path: Path) -> None:
    one, other = (
        np.asarray(picture(1).convert("L").resize((32, 32))),
        np.asarray(picture(2).convert("L").resize((32, 32))),
    )
    still = np.stack([one] * 3000 + [other])
    assert [j for _, j, _ in repeats(still)] == list(range(1, 3000))
    assert [(i, j) for i, j, _ in repeats(still, np.stack([other, one]))] == [(3000, 0), (0, 1)]


def test_blocks_and_the_way_for_very_many_find_the_same(
    splits: dict[str, tuple[list[str], Scan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, val = splits["train"][1].thumbnails, splits["val"][1].thumbnails
    both = np.concatenate([train, val])
    whole = {(i, j) for i, j, _ in similar(both)}
    between = {(i, j) for i, j, _ in similar(train, val)}
    assert {(i, j + len(train)) for i, j in between} == whole
    grouped = groups(splits["train"][1])
    best = [pair[:2] for pair in repeats(train, val)]
    monkeypatch.setattr(duplicates, "_BLOCK", 3)
    assert groups(splits["train"][1]).tolist() == grouped.tolist()
    assert [pair[:2] for pair in repeats(train, val)] == best
    assert {(i, j) for i, j, _ in similar(both)} == whole
    assert {(i, j) for i, j, _ in similar(train, val)} == between
    monkeypatch.setattr(duplicates, "_MOST_PAIRS", 0)
    copy = [Path(file).name for file in splits["val"][0]].index("copy.png")
    assert list(similar(train, val)) == [(1, copy, 1.0)]
    assert list(similar(both)) == [(1, len(train) + copy, 1.0)]
