"""Labels: every fault named and counted, useless splits refused, the cache true, the user's folder untouched."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from yolograft.common.errors import UserError
from yolograft.data import scan as module
from yolograft.data.checks import Fault, kinds
from yolograft.data.dataset import DetectionDataset, build_dataset
from yolograft.data.listing import orphan_labels
from yolograft.data.scan import Scan, scan, scan_split
from yolograft.data.sources.folder import folder
from yolograft.data.sources.yolo import yolo
from yolograft.data.spec import DataSpec

GOOD = "0 0.5 0.5 0.2 0.2\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data.yaml with three classes and four images in train and val, all labelled."""
    root = tmp_path / "set Ä 猫"
    for split in ("train", "val"):
        (root / "images" / split).mkdir(parents=True)
        (root / "labels" / split).mkdir(parents=True)
        for index in range(4):
            noise = np.random.default_rng(index).integers(0, 256, (24, 32, 3), dtype=np.uint8)
            Image.fromarray(noise).save(root / "images" / split / f"im {index}.jpg")
            (root / "labels" / split / f"im {index}.txt").write_text(GOOD)
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [a, b, c]\n")
    return root


def built(root: Path, split: Any = "train", **options: Any) -> DetectionDataset:
    spec = yolo(path=str(root / "data.yaml"))
    return build_dataset(spec, split, SimpleNamespace(), 32, 2, augment=split == "train", rect=False, **options)


def told(scan: Scan) -> dict[str, int]:
    """What a scan counts, without zeros."""
    counts = {"images": scan.images, "boxes": scan.boxes, "backgrounds": scan.backgrounds, "skipped": scan.skipped}
    return {name: count for name, count in {**counts, **kinds(scan.faults)}.items() if count}


def image(root: Path, index: int, split: str = "train") -> Path:
    return root / "images" / split / f"im {index}.jpg"


def label(root: Path, index: int, split: str = "train") -> Path:
    return root / "labels" / split / f"im {index}.txt"


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file's bytes and time of change, and every folder's."""
    return {
        str(file.relative_to(folder)): (file.read_bytes() if file.is_file() else b"", file.stat().st_mtime_ns)
        for file in sorted([folder, *folder.rglob("*")])
    }


def test_who_reads_a_split_again_finds_what_was_read(root: Path) -> None:
    dataset = built(root)
    assert dataset.scan.fresh
    assert not scan_split(dataset.spec, "train", dataset.listed).fresh


def test_nothing_readable_is_nothing(root: Path) -> None:
    image(root, 0).write_bytes(b"")
    found = scan([str(image(root, 0))], built(root).spec.labels, 3)
    assert (found.images, found.as_labels([str(image(root, 0))])) == (0, [])


def test_a_good_set(root: Path) -> None:
    dataset = built(root)
    assert told(dataset.scan) == {"images": 4, "boxes": 4}
    assert [Path(file).name for file in dataset.im_files] == ["im 0.jpg", "im 1.jpg", "im 2.jpg", "im 3.jpg"]
    assert dataset[0]["img"].shape == (3, 32, 32)


def test_faults_are_named_and_counted(root: Path) -> None:
    label(root, 0).write_text(GOOD + "7 0.5 0.5 0.2 0.2\n")
    image(root, 1).write_bytes(image(root, 1).read_bytes()[:-300])
    label(root, 2).write_text(GOOD + GOOD + "1 0.9 0.5 0.4 0.1\n")
    label(root, 3).unlink()
    (root / "labels" / "train" / "lost.txt").write_text(GOOD)
    (root / "labels" / "train" / "classes.txt").write_text("a\nb\nc\n")
    dataset = built(root)
    scan = dataset.scan
    assert told(scan) == {
        "images": 2,
        "boxes": 2,
        "backgrounds": 1,
        "skipped": 2,
        "class-range": 1,
        "unreadable-image": 1,
        "overhang": 1,
        "duplicate-row": 1,
    }
    assert [(fault.file, fault.line) for fault in scan.faults] == [
        (str(label(root, 0)), 2),
        (str(image(root, 1)), None),
        (str(label(root, 2)), 2),
        (str(label(root, 2)), 3),
    ]
    assert scan.faults[0].message == "class 7 is out of range; the data set has classes 0 to 2"
    assert scan.faults[1].message.startswith("the image does not decode: image file is truncated")
    assert scan.faults[2].message == "repeats a row before it; used once"
    assert scan.faults[3].message == "the box reaches outside the image (x from 0.700 to 1.100); kept"
    assert built(root).scan.faults == scan.faults, "the cache knows the faults too"
    assert [fault.file for fault in orphan_labels(dataset.spec)] == [str(root / "labels" / "train" / "lost.txt")]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "the image is empty"), (b"text", "not an image"), (b"\xff\xd8\xff\xe0", "not an image|does not decode")],
)
def test_images_that_do_not_decode(root: Path, content: bytes, message: str) -> None:
    image(root, 2).write_bytes(content)
    scan = built(root).scan
    assert (scan.images, scan.skipped) == (3, 1)
    assert scan.faults[0].file == str(image(root, 2))
    assert any(part in scan.faults[0].message for part in message.split("|"))
    assert image(root, 2).read_bytes() == content


def test_an_image_of_a_list_that_is_not_there(root: Path) -> None:
    (root / "images" / "train" / "list.txt").write_text("./im 0.jpg\nnowhere.jpg\n")
    (root / "data.yaml").write_text("train: images/train/list.txt\nval: images/val\nnames: [a, b, c]\n")
    scan = built(root).scan
    missing = str(root / "images" / "train" / "nowhere.jpg")
    assert scan.faults == [Fault(missing, None, "the image does not exist", "missing-image")]


def test_lists_of_images(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["./im 0.jpg", "", "images/train/im 1.jpg", str(image(root, 2)), "../val/im 3.jpg", "notes.md"]
    (root / "images" / "train" / "list.txt").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8", newline="")
    (root / "data.yaml").write_text("train: images/train/list.txt\nval: images/val\nnames: [a, b, c]\n")
    dataset = built(root)
    assert sorted(Path(file).resolve() for file in dataset.im_files) == sorted(
        [image(root, 0), image(root, 1), image(root, 2), image(root, 3, "val")]
    )
    assert told(dataset.scan) == {"images": 4, "boxes": 4}


def test_what_cannot_be_trained_on_stops(root: Path) -> None:
    for index in range(4):
        label(root, index).write_text("")
    with pytest.raises(
        UserError, match=r"^train: no labelled object in 4 images \(looked for labels such as .*im 0.txt\)$"
    ):
        built(root)
    for index in range(4):
        label(root, index).write_text(f"{index + 5} 0.5 0.5 0.2 0.2\n")
    with pytest.raises(
        UserError, match=r"^train: none of the 4 images can be used: .*im 0.txt:1: class 5 .*; .*im 1.txt:1"
    ):
        built(root)
    for index in range(4):
        image(root, index).unlink()
    with pytest.raises(UserError, match=r"^train: no images in .*train"):
        built(root)
    spec = DataSpec("gone", (str(root / "nowhere"),), (str(root / "data.yaml"),), (), {0: "a"}, str(root))
    with pytest.raises(UserError, match=r"^train: .*nowhere does not exist"):
        build_dataset(spec, "train", SimpleNamespace(), 32, 2, augment=True, rect=False)
    with pytest.raises(UserError, match=r"^val: .*data.yaml is neither a folder"):
        build_dataset(spec, "val", SimpleNamespace(), 32, 2, augment=False, rect=False)
    with pytest.raises(UserError, match="data set gone has no test split"):
        build_dataset(spec, "test", SimpleNamespace(), 32, 2, augment=False, rect=False)


def test_a_val_split_without_boxes_is_used_and_named(root: Path) -> None:
    for index in range(4):
        label(root, index, "val").unlink()
    scan = built(root, "val").scan
    assert (scan.images, scan.boxes, scan.backgrounds) == (4, 0, 4)
    assert "its metrics mean nothing" in scan.faults[0].message


def test_options(root: Path) -> None:
    label(root, 0).write_text("2 0.5 0.5 0.2 0.2\n1 0.5 0.5 0.3 0.2\n")
    assert len(built(root, fraction=0.5)) == 2
    assert len(built(root, fraction=3)) == 3
    assert built(root, single_cls=True).labels[0]["cls"].tolist() == [[0], [0]]
    with pytest.raises(UserError, match="fraction=0 leaves no images"):
        built(root, fraction=0)


def test_single_cls_lets_any_class_pass(root: Path) -> None:
    label(root, 0).write_text("9 0.5 0.5 0.2 0.2\n")
    assert built(root).scan.skipped == 1
    assert built(root, single_cls=True).scan.skipped == 0
    assert built(root).scan.skipped == 1


def test_classes_txt_is_no_label(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / "f" / split / "images").mkdir(parents=True)
        (tmp_path / "f" / split / "labels").mkdir()
        for name in ("a", "classes"):
            Image.new("RGB", (20, 20)).save(tmp_path / "f" / split / "images" / f"{name}.jpg")
        (tmp_path / "f" / split / "labels" / "a.txt").write_text(GOOD)
        (tmp_path / "f" / split / "labels" / "classes.txt").write_text("cat\ndog\n")
    spec = folder(path=str(tmp_path / "f"))
    scan = build_dataset(spec, "train", SimpleNamespace(), 32, 2, augment=True, rect=False).scan
    assert spec.names == {0: "cat", 1: "dog"}
    assert told(scan) == {"images": 2, "boxes": 1, "backgrounds": 1}


def test_polygons_become_boxes_and_survive_the_cache(root: Path) -> None:
    polygon = "1 0.1 0.1 0.5 0.1 0.3 0.4 0.2 0.3\n"
    for index in range(4):
        label(root, index).write_text(polygon if index else polygon * 2 + "0 0.2 0.2 0.6 0.2 0.6 0.8\n")
    first, second = built(root), built(root)
    assert (
        told(first.scan)
        == told(second.scan)
        == {
            "images": 4,
            "boxes": 5,
            "duplicate-row": 1,
            "polygons": 5,
        }
    )
    assert np.allclose(first.labels[1]["bboxes"], [[0.3, 0.25, 0.4, 0.3]])
    for one, other in zip(first.labels, second.labels, strict=True):
        assert [p.tolist() for p in one["segments"]] == [p.tolist() for p in other["segments"]]
    assert [len(polygon) for polygon in first.labels[0]["segments"]] == [3, 4]
    label(root, 2).write_text(GOOD)  # some boxes, some polygons: boxes serve for all
    assert all(len(entry["segments"]) == 0 for entry in built(root).labels)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The images that are really read."""
    read: list[str] = []
    original = module.inspect_image

    def counting(image: str, *more: Any) -> Any:
        read.append(Path(image).name)
        return original(image, *more)

    monkeypatch.setattr(module, "inspect_image", counting)
    return iter([read])


def test_labels_are_read_once_until_something_changes(root: Path, reads: Iterator[list[str]], cache: Path) -> None:
    read = next(reads)
    first = built(root)
    assert len(read) == 4
    second = built(root)
    assert len(read) == 4, "taken from the cache"
    for one, other in zip(first.labels, second.labels, strict=True):
        assert one.keys() == other.keys()
        assert one["bboxes"].tolist() == other["bboxes"].tolist()
        assert (one["shape"], one["cls"].dtype, one["cls"].shape) == (
            other["shape"],
            other["cls"].dtype,
            other["cls"].shape,
        )
    edited = label(root, 1)
    time = edited.stat().st_mtime_ns
    edited.write_text("1 0.5 0.5 0.2 0.2\n")  # as many bytes as before
    os.utime(edited, ns=(time + 1000, time + 1000))
    assert built(root).labels[1]["cls"].tolist() == [[1]]
    assert len(read) == 8
    image(root, 3).unlink()
    assert built(root).scan.images == 3
    assert len(list((cache / "labels").iterdir())) == 1, "a change replaces the cache"


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut off", b"\x80\x04K\x01."])
def test_a_damaged_cache_is_made_again(root: Path, cache: Path, damage: bytes) -> None:
    scan = built(root).scan
    file = next((cache / "labels").iterdir())
    whole = file.read_bytes()
    for content in (damage, whole[: len(whole) // 2]):
        file.write_bytes(content)
        again = built(root).scan
        assert again.fresh
        assert (told(again), again.rows.tolist()) == (told(scan), scan.rows.tolist())
        assert len(file.read_bytes()) == len(whole)


def test_without_a_place_for_the_cache(root: Path, cache: Path) -> None:
    cache.mkdir()
    (cache / "labels").write_text("a file where the folder should be")
    assert built(root).scan.images == 4


def test_the_user_s_folder_stays_as_it_was(root: Path) -> None:
    image(root, 0).write_bytes(image(root, 0).read_bytes()[:-200])
    image(root, 1).write_bytes(image(root, 1).read_bytes() + b"\0\0")  # ultralytics would rewrite this one
    label(root, 2).write_text(GOOD + GOOD)
    (root / "labels" / "train.cache").write_bytes(b"\x80\x04cposix\nsystem\n(X\x05\x00\x00\x00falsetR.")  # a trap
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    before = state(root)
    for path in folders:
        path.chmod(0o555)
    try:
        for split in ("train", "val"):
            for _ in range(2):
                dataset = built(root, split)
                for index in range(len(dataset)):
                    random.seed(0)
                    assert dataset[index]["img"].shape == (3, 32, 32)
    finally:
        for path in folders:
            path.chmod(0o755)
    assert state(root) == before
