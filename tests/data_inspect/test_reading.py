import json
from pathlib import Path

import numpy as np
from PIL import Image

from yolograft.data.inspect.reading import read
from yolograft.data.inspect.statistics import describe
from yolograft.data.sources.auto import auto
from yolograft.data.sources.yolo import yolo
from yolograft.data.splitting import hold_out
from yolograft.render.inspect.page import to_json


def test_faults_of_the_files_and_between_the_splits_are_found_the_gravest_first(faulty: Path) -> None:
    reading = read(yolo(path=str(faulty)))
    root = Path(reading.spec.root)
    found = [
        (fault.kind, split, Path(fault.file).relative_to(root).as_posix(), fault.line)
        for split, fault in reading.faults
    ]
    (duplicate,) = [item for item in found if item[0] == "duplicate-image"]
    assert duplicate[1:3] in (("train", "images/train/twice.png"), ("train", "images/train/again.png"))
    found.remove(duplicate)
    assert found == [
        ("class-range", "train", "labels/train/range.txt", 2),
        ("pixels", "train", "labels/train/pixels.txt", 1),
        ("leak", "", "images/val/copied.png", None),
        ("near-leak", "", "images/val/brighter.png", None),
        ("unreadable-image", "train", "images/train/broken.png", None),
        ("duplicate-row", "train", "labels/train/twice.txt", 2),
        ("grey", "train", "images/train/红 <i>.png", None),
    ]
    assert list(reading.errors) == ["test"]
    assert reading.has_errors


def test_a_set_without_faults_has_none(clean: Path) -> None:
    reading = read(yolo(path=str(clean)))
    assert reading.faults == []
    assert not reading.has_errors


def test_labels_without_image_and_a_split_without_boxes_are_found(clean: Path) -> None:
    labels = clean.parent / "labels"
    (labels / "train" / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (labels / "val" / "8.txt").unlink()
    found = {fault.kind: Path(fault.file) for _, fault in read(yolo(path=str(clean))).faults}
    assert found == {"no-boxes": clean.parent, "orphan-labels": labels / "train" / "gone.txt"}


def test_a_split_that_is_not_there_makes_no_labels_stray(faulty: Path) -> None:
    (faulty.parent / "labels" / "train" / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert "label-without-image" not in {fault.kind for _, fault in read(yolo(path=str(faulty))).faults}


def test_the_document_says_what_was_found(faulty: Path) -> None:
    document = json.loads(to_json(describe(read(yolo(path=str(faulty))), 640)))
    train, val = document["splits"]["train"], document["splits"]["val"]
    assert (train["images"], train["used"], train["skipped"], train["boxes"]) == (12, 9, 3, 9)
    assert [kind["boxes"] for kind in train["classes"]] == [6, 3, 0]
    assert [kind["boxes"] for kind in val["classes"]] == [3, 0, 0]
    assert document["names"] == {"0": "red & <b>blue</b>", "1": "红细胞", "2": "never"}
    assert document["duplicates"] == {
        "within": {"train": 1, "val": 0},
        "across": {"same": 1, "nearly_the_same": 1},
    }
    assert "none.txt (looked for" in document["unreadable_splits"]["test"]
    assert document["falsified"] is True
    assert document["kinds"]["leak"] == 1
    (wrong,) = [fault for fault in document["faults"] if fault["kind"] == "class-range"]
    assert (wrong["line"], wrong["split"], wrong["severity"]) == (2, "train", "error")
    assert wrong["effect"] == "falsifies"  # as data.json called it first
    assert Path(wrong["file"]).name == "range.txt"


def test_what_was_read_and_held_out_is_in_the_document(tmp_path: Path) -> None:
    for number in range(14):
        picture = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "classes.txt").write_text("cat\ncat\n")
    spec = hold_out(auto(path=str(tmp_path)), 0.8)
    document = describe(read(spec), 640)
    count = document["held_out"]["images"]
    assert (document["form"], document["source"], document["held_out"]["of"]) == ("flat", str(tmp_path), 14)
    assert abs(count - 2.8) <= 1
    assert (document["splits"]["train"]["images"], document["splits"]["val"]["images"]) == (14 - count, count)
    said = f"images in train {14 - count}, val {count}; no val split was given: held out {count} of 14 images"
    assert document["origin"] == f"read as flat from {tmp_path}: {said}"
    assert document["notes"] == ["classes.txt: the classes 0 and 1 have the same name, 'cat'; both are kept"]
