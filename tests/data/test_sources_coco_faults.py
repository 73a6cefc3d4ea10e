"""COCO JSON with faults: each is named, and no box is guessed."""

from pathlib import Path
from typing import Any

import pytest

from helpers.coco_json import CAT, annotation, document, write
from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.listing import list_images
from yolograft.data.scan import scan_split
from yolograft.data.sources.coco import coco


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


FAULTY: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str]], int]] = {
    # annotations beside a good one; faults; boxes of the image, or -1 where it is left out
    "crowd": (
        [annotation(2, iscrowd=1), annotation(3, iscrowd=1)],
        [("ignored", "annotation 2 of a.png: marked as a crowd; left out (and 1 more like it)")],
        1,
    ),
    "no area": (
        [annotation(2, bbox=[1, 1, 0, 5])],
        [("zero-area", "annotation 2 of a.png: a box without area (0 x 5); left out")],
        1,
    ),
    "twice": ([annotation(2)], [("duplicate-row", "annotation 2 of a.png: repeats a box before it; used once")], 1),
    "unknown image": (
        [annotation(2, image_id=99)],
        [("label-without-image", "annotation 2: image 99 is not among the file's images")],
        1,
    ),
    "unknown category": (
        [annotation(2, category_id=1)],
        [("class-range", "annotation 2 of a.png: category 1 is not among the file's categories")],
        -1,
    ),
    "no bbox": (
        [{"id": 2, "image_id": 10, "category_id": 3}],
        [("columns", "annotation 2 of a.png: its bbox is null, not [left, top, width, height]")],
        -1,
    ),
    "text": (
        [annotation(2, bbox=[1, "two", 3, 4])],
        [("number", 'annotation 2 of a.png: its bbox holds something else than numbers: [1, "two", 3, 4]')],
        -1,
    ),
    "decimal comma": (
        [annotation(2, bbox=[1, "2,5", 3, 4])],
        [("number", 'annotation 2 of a.png: its bbox holds something else than numbers: [1, "2,5", 3, 4]')],
        -1,
    ),
    "several": (
        [annotation(2, category_id=1), annotation(3, bbox=[4, 6, -8, 1]), annotation(4, bbox=None)],
        [
            ("class-range", "annotation 2 of a.png: category 1 is not among the file's categories"),
            ("columns", "annotation 4 of a.png: its bbox is null, not [left, top, width, height]"),
            ("negative", "annotation 3 of a.png: negative size (-8 x 1)"),
        ],
        -1,
    ),
    "endless": (
        [annotation(2, bbox=[1, 2, float("inf"), 4])],
        [("number", "annotation 2 of a.png: its bbox holds something else than numbers: [1, 2, Infinity, 4]")],
        -1,
    ),
    "outside": (
        [annotation(2, bbox=[400, 6, 8, 10])],
        [("outside", "annotation 2 of a.png: its centre (404, 11) is outside the image of 40 x 20")],
        -1,
    ),
    "negative": (
        [annotation(2, bbox=[4, 6, -8, 1])],
        [("negative", "annotation 2 of a.png: negative size (-8 x 1)")],
        -1,
    ),
    "overhang": (
        [annotation(2, bbox=[30, 6, 16, 10])],
        [("overhang", "annotation 2 of a.png: the box reaches outside the image (x from 0.750 to 1.150); kept")],
        2,
    ),
    "without id": (
        [{"image_id": 10, "category_id": 3, "bbox": [4, 6, -8, 10]}],
        [("negative", "an annotation without id of a.png: negative size (-8 x 10)")],
        -1,
    ),
    "masks": ([annotation(2, bbox=[1, 2, 3, 4], segmentation={"counts": "x", "size": [20, 40]})], [], 2),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_faulty_annotations_are_named(fault: str, tmp_path: Path) -> None:
    more, faults, boxes = FAULTY[fault]
    write_image(tmp_path / "a.png")
    reading = read(coco(path=write(tmp_path / "train.json", document(annotations=[annotation(1), *more]))))
    assert reading.faults == [(kind, f"…/train.json: {message}") for kind, message in faults]
    assert [len(found) for found in reading.boxes.values()] == ([] if boxes < 0 else [boxes])


def test_annotations_of_no_image_are_grave_where_an_image_has_none(tmp_path: Path) -> None:
    images = [{"id": id_, "file_name": f"{id_}.png"} for id_ in (10, 11, 12)]
    for name in ("10.png", "11.png", "12.png"):
        write_image(tmp_path / name)
    boxes = [annotation(1), annotation(2, image_id=99)]
    spec = coco(path=write(tmp_path / "train.json", document(images=images, annotations=boxes)))
    who = "11.png (and 1 other images) has no annotation"
    message = f"…/train.json: annotation 2: image 99 is not among the file's images, while {who}"
    assert read(spec).faults == [("orphan-labels", message)]
    boxes[1:] = [annotation(2, image_id=11, iscrowd=1), annotation(3, image_id=12), annotation(4, image_id=99)]
    spec = coco(path=write(tmp_path / "train.json", document(images=images, annotations=boxes)))
    assert [kind for kind, _ in read(spec).faults] == ["ignored", "label-without-image"], "a crowd is an annotation"


def test_a_split_that_many_objects_are_left_out_of_is_said(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    crowds = [annotation(n, bbox=[n, 1, 5, 5], iscrowd=n % 2) for n in range(4)]
    spec = coco(path=write(tmp_path / "train.json", document(annotations=crowds)))
    (fault,) = [f for f in scan_split(spec, "train", list_images(spec, "train")).faults if f.kind == "many-ignored"]
    assert fault.message == (
        "train: 2 of 4 objects (50%) are not trained or validated on, the first being "
        "annotation 1 of a.png: marked as a crowd; left out"
    )
    assert fault.severity == "warning"
    crowds = [annotation(n, bbox=[n % 20, n // 20, 5, 5], iscrowd=int(n == 0)) for n in range(20)]
    spec = coco(path=write(tmp_path / "train.json", document(annotations=crowds)))
    kinds = [fault.kind for fault in scan_split(spec, "train", list_images(spec, "train")).faults]
    assert kinds == ["ignored"], "one in twenty is what the mark is for"


def test_missing_and_odd_images_are_named(tmp_path: Path) -> None:
    images = [
        {"id": 10, "file_name": "a.png", "width": 40, "height": 20},
        {"id": 11, "file_name": "sub/gone.png"},
        {"id": 12, "file_name": "film.gif"},
        {"id": 13, "file_name": "nul\0l.png"},
        {"id": 14, "file_name": "\ud800.png"},
        {"id": 15, "file_name": "/"},
        {"id": 16},
        {"file_name": "b.png"},
        "c.png",
    ]
    write_image(tmp_path / "a.png")
    reading = read(coco(path=write(tmp_path / "train.json", document(images=images))))
    assert reading.boxes == {"a.png": [CAT]}
    assert reading.faults[0] == ("missing-image", "…/gone.png: the image does not exist")
    assert {kind for kind, _ in reading.faults[1:]} == {"unreadable-image"}
    said = "\n".join(message for _, message in reading.faults[1:])
    assert "film.gif" in said
    assert [f"images[{n}] needs an 'id' and a 'file_name'" in said for n in range(9)] == [False] * 3 + [True] * 6
    assert len(reading.faults) == 8


def test_an_id_for_two_images_is_trusted_for_neither(tmp_path: Path) -> None:
    images = [{"id": 10, "file_name": "a.png"}, {"id": 10, "file_name": "b.png"}, {"id": 11, "file_name": "c.png"}]
    for name in ("a.png", "b.png", "c.png"):
        write_image(tmp_path / name)
    reading = read(coco(path=write(tmp_path / "train.json", document(images=images))))
    assert reading.boxes == {"c.png": []}
    message = "…/train.json: image id 10 stands for both a.png and b.png"
    assert reading.faults == [("unreadable-labels", message)] * 2


@pytest.mark.parametrize("stated", [(20, 40), (40, 30), (100, 100)])
def test_an_image_of_another_shape_is_left_out(tmp_path: Path, stated: tuple[int, int]) -> None:
    images = [{"id": 10, "file_name": "a.png", "width": stated[0], "height": stated[1]}]
    write_image(tmp_path / "a.png")
    reading = read(coco(path=write(tmp_path / "train.json", document(images=images))))
    message = f"…/train.json: a.png was labelled at {stated[0]}x{stated[1]}, but the image is 40x20"
    assert (reading.boxes, reading.faults) == ({}, [("unlike-image", message)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"images": [\n1,,2]}', r"a.json:2: not JSON: .* \(column 3\)"),
        ("", r"a.json:1: not JSON: "),
        ("[1]", "a.json: not COCO JSON: it lacks the list 'images'"),
        ('{"images": [], "annotations": {}}', "it lacks the list 'annotations'"),
        ('{"images": [], "annotations": []}', "it lacks the list 'categories'"),
        ('{"images": [], "annotations": [], "categories": []}', "names no category"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1.5, "name": "x"}]}', "a whole number as 'id'"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1}]}', "a whole number as 'id' and a 'name'"),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}',
            "category 1 is both 'a' and 'b'",
        ),
        ("[" * 100000, "not JSON that can be read"),
    ],
)
def test_damaged_files(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        coco(path=write(tmp_path / "a.json", content))
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_file_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no COCO JSON to train on; looked for annotations/\*train\*.json"):
        coco(path=str(tmp_path))
    write(tmp_path / "annotations" / "instances_val2017.json", document())
    with pytest.raises(UserError, match="no COCO JSON to train on"):
        coco(path=str(tmp_path))
    with pytest.raises(UserError, match=r"gone.json: cannot be read"):
        coco(path=str(tmp_path), train="gone.json")
