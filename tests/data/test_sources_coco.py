"""COCO JSON: every layout it comes in, and what is made of the oddities of real files."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.labels import coco_file as module
from yolograft.data.listing import list_images
from yolograft.data.scan import scan_split
from yolograft.data.sources.coco import coco

CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def document(names: tuple[str, ...] = ("a.png",), **changes: Any) -> dict[str, Any]:
    """Images of 40x20 pixels, the first with a cat at (4, 6) of 8x10 pixels."""
    images = [{"id": 10 + n, "file_name": name, "width": 40, "height": 20} for n, name in enumerate(names)]
    annotations = [{"id": 1, "image_id": 10, "category_id": 3, "bbox": [4, 6, 8, 10], "iscrowd": 0}]
    return {"images": images, "annotations": annotations, "categories": CATEGORIES, **changes}


def write(file: Path, content: Any) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(file)


def annotation(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": number, "image_id": 10, "category_id": 3, "bbox": [4, 6, 8, 10], **changes}


CAT = ("cat", 4, 6, 8, 10)

LAYOUTS = {
    "official": ("annotations/instances_train2017.json", "train2017", "annotations/instances_val2017.json", "val2017"),
    "in images": ("annotations/instances_train2017.json", "images/train2017", "annotations/val.json", "images/val"),
    "all in images": ("annotations/train.json", "images", "annotations/valid.json", "images"),
    "Roboflow": ("train/_annotations.coco.json", "train", "valid/_annotations.coco.json", "valid"),
    "in the root": ("train.json", "train", "val.json", "val"),
    "folders": ("annotations/my_train_set.json", "train", "annotations/my-validation-set.json", "val"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, tmp_path: Path) -> None:
    train, train_images, val, val_images = LAYOUTS[layout]
    root = tmp_path / "set 猫"
    write(root / train, document(("a.png",)))
    write(root / val, document(("b.png",)))
    write_image(root / train_images / "a.png")
    write_image(root / val_images / "b.png")
    write_image(root / val_images / "listed nowhere.png")
    spec = coco(path=str(root))
    assert (spec.train, spec.val, spec.test) == (
        (str(root / train_images / "a.png"),),
        (str(root / val_images / "b.png"),),
        (),
    )
    assert spec.names == {0: "cat", 1: "dog"}, "in ascending order of ids, without gaps"
    assert (spec.name, spec.root) == ("set 猫", str(root))
    assert read(spec).boxes == {"a.png": [CAT]}
    assert read(spec, "val").boxes == {"b.png": [CAT]}
    assert read(spec).faults == []


def test_other_files_of_coco_are_not_taken_for_boxes(tmp_path: Path) -> None:
    for task in ("instances", "captions", "person_keypoints", "stuff", "panoptic"):
        write(tmp_path / "annotations" / f"{task}_train2017.json", document())
    write(tmp_path / "annotations" / "image_info_test2017.json", {"images": []})
    write(tmp_path / "train.json", {"loss": [1, 2]})
    write_image(tmp_path / "train2017" / "a.png")
    spec = coco(path=str(tmp_path))
    assert len(spec.train) == 1
    assert spec.test == ()


@pytest.mark.parametrize("images", [".", "images", "../images", "../train"])
def test_a_single_file_is_one_pool(tmp_path: Path, images: str) -> None:
    file = write(tmp_path / "annotations" / "cells.json", document(("a.png", "b.png")))
    for name in ("a.png", "b.png"):
        write_image((tmp_path / "annotations" / images / name).resolve())
    spec = coco(path=file, images=images if images == "../train" else None)
    assert [Path(image).name for image in spec.train] == ["a.png", "b.png"]
    assert spec.val == ()
    assert spec.name == "cells"
    assert read(spec).boxes == {"a.png": [CAT], "b.png": []}, "an image without boxes is a background"


def test_a_folder_with_one_file_that_names_no_split_is_one_pool(tmp_path: Path) -> None:
    write(tmp_path / "annotations" / "instances_default.json", document())
    write_image(tmp_path / "images" / "a.png")
    spec = coco(path=str(tmp_path))
    assert (len(spec.train), spec.val) == (1, ())


def test_splits_and_images_can_be_named(tmp_path: Path) -> None:
    write(tmp_path / "one.json", document())
    write(tmp_path / "two.json", document(("b.png",)))
    write_image(tmp_path / "pictures" / "of animals" / "a.png")
    write_image(tmp_path / "pictures" / "of animals" / "b.png")
    with pytest.raises(
        UserError,
        match=r"for train: one.json, two.json; choose with dataset=coco_json dataset.path=.* dataset.train=FILE",
    ):
        coco(path=str(tmp_path))
    spec = coco(path=str(tmp_path), train="one.json", test="two.json", images="pictures/of animals")
    assert (len(spec.train), spec.val, len(spec.test)) == (1, (), 1)
    with pytest.raises(UserError, match=r"dataset.images: folder .*nowhere does not exist"):
        coco(path=str(tmp_path), train="one.json", images="nowhere")
    spec = coco(path=str(tmp_path), train="one.json")
    assert spec.train == (str(tmp_path / "pictures" / "of animals" / "a.png"),)
    assert spec.notes == (f"one.json: its images were found in {Path('pictures', 'of animals')}",)
    (tmp_path / "pictures" / "of animals" / "a.png").rename(tmp_path / "pictures" / "c.png")
    with pytest.raises(
        UserError,
        match=r"one.json: none of its images, such as a.png, is below .*; put them there, or .* dataset.images=",
    ):
        coco(path=str(tmp_path), train="one.json")


@pytest.mark.parametrize(
    "name",
    ["sub/a.png", "sub\\a.png", "./sub/a.png", "train/sub/a.png", "/home/lena/sub/a.png", "C:\\set\\train\\sub\\a.png"],
)
def test_file_names_as_tools_write_them(tmp_path: Path, name: str) -> None:
    write(tmp_path / "annotations" / "train.json", document((name,)))
    write_image(tmp_path / "train" / "sub" / "a.png")
    write_image(tmp_path / "train" / "a.png")
    spec = coco(path=str(tmp_path))
    assert spec.train == (str(tmp_path / "train" / "sub" / "a.png"),)
    assert read(spec).boxes == {"a.png": [CAT]}


def test_an_absolute_name_that_exists_is_meant(tmp_path: Path) -> None:
    there = write_image(tmp_path / "elsewhere" / "a.png")
    write(tmp_path / "set" / "train.json", document((str(there),)))
    write_image(tmp_path / "set" / "train" / "b.png")
    assert coco(path=str(tmp_path / "set")).train == (str(there),)


def test_a_supercategory_that_roboflow_adds_is_no_class(tmp_path: Path) -> None:
    categories = [
        {"id": 0, "name": "animals", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "animals"},
        {"id": 2, "name": "dog", "supercategory": "animals"},
    ]
    for split, category in (("train", 1), ("valid", 2)):
        boxes = [annotation(0, category_id=category)]
        write(tmp_path / split / "_annotations.coco.json", document(annotations=boxes, categories=categories))
        write_image(tmp_path / split / "a.png")
    assert coco(path=str(tmp_path)).names == {0: "cat", 1: "dog"}
    boxes = [annotation(0, category_id=0)]
    write(tmp_path / "valid" / "_annotations.coco.json", document(annotations=boxes, categories=categories))
    assert coco(path=str(tmp_path)).names == {0: "animals", 1: "cat", 2: "dog"}, "it has a box in val"
    assert read(coco(path=str(tmp_path)), "val").boxes == {"a.png": [("animals", 4, 6, 8, 10)]}


def test_a_class_without_boxes_stays_a_class(tmp_path: Path) -> None:
    """Of COCO itself: `person` is its own supercategory, and a part of COCO may have no person."""
    categories = [
        {"id": 1, "name": "person", "supercategory": "person"},
        {"id": 3, "name": "car", "supercategory": "x"},
    ]
    write_image(tmp_path / "a.png")
    assert coco(path=write(tmp_path / "a.json", document(categories=categories))).names == {0: "person", 1: "car"}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ([{"id": 7, "name": "dog"}], r"category 3 is missing, there 'cat'"),
        ([{"id": 7, "name": "wolf"}, {"id": 3, "name": "cat"}], r"category 7 is 'wolf', there 'dog'"),
        ([*CATEGORIES, {"id": 9, "name": "cow"}], r"category 9 is 'cow', there missing"),
    ],
)
def test_splits_of_different_categories_are_refused(tmp_path: Path, other: list[Any], message: str) -> None:
    write(tmp_path / "train.json", document())
    write(tmp_path / "val.json", document(categories=other))
    with pytest.raises(UserError, match=rf"val.json: the categories of val are not those of train: {message}"):
        coco(path=str(tmp_path))


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


@pytest.mark.parametrize(
    ("image", "box", "count"),
    [
        ({}, {"bbox": ["4", "6.0000", "8e0", 10]}, 3),
        ({}, {"image_id": "10", "category_id": "3"}, 2),
        ({"id": "10", "width": "40", "height": "20.0"}, {}, 3),
        ({"id": "10"}, {"image_id": "10.0"}, 1),
        ({"id": "10"}, {"image_id": "10"}, 0),  # an id of its own kind, as it may be
        ({"id": "a"}, {"image_id": "a"}, 0),
        ({}, {"iscrowd": "0"}, 0),
        ({}, {"iscrowd": "false"}, 0),
    ],
)
def test_numbers_that_are_written_as_text_are_numbers(
    image: dict[str, Any], box: dict[str, Any], count: int, tmp_path: Path
) -> None:
    images = [{"id": 10, "file_name": "a.png", "width": 40, "height": 20, **image}]
    write_image(tmp_path / "a.png")
    file = write(tmp_path / "train.json", document(images=images, annotations=[annotation(1, **box)]))
    found = read(coco(path=file))
    assert found.boxes == {"a.png": [CAT]}
    assert [kind for kind, _ in found.faults] == ["text-number"] * bool(count)
    if count > 1:
        assert found.faults[0][1].endswith(f" (and {count - 1} more like it)")


def test_category_ids_that_are_written_as_text(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    content = document(categories=[{"id": "07", "name": "dog"}, {"id": "3", "name": "cat"}])
    assert read(coco(path=write(tmp_path / "train.json", content))).boxes == {"a.png": [CAT]}
    assert coco(path=str(tmp_path)).names == {0: "cat", 1: "dog"}


def test_ids_that_are_alike_as_numbers_but_not_as_text_are_not_mixed_up(tmp_path: Path) -> None:
    images = [{"id": "1", "file_name": "a.png"}, {"id": "01", "file_name": "b.png"}]
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name)
    boxes = [annotation(1, image_id="01")]
    spec = coco(path=write(tmp_path / "train.json", document(images=images, annotations=boxes)))
    assert read(spec).boxes == {"a.png": [], "b.png": [CAT]}
    boxes += [annotation(2, image_id=1)]
    spec = coco(path=write(tmp_path / "train.json", document(images=images, annotations=boxes)))
    message = "…/train.json: annotation 2: image 1 is not among the file's images, while a.png has no annotation"
    assert read(spec).faults == [("orphan-labels", message)]


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


def test_an_image_with_two_ids_has_the_boxes_of_both(tmp_path: Path) -> None:
    images = [{"id": 10, "file_name": "a.png"}, {"id": 11, "file_name": "./a.png"}]
    boxes = [annotation(1), annotation(2, image_id=11, bbox=[0, 0, 5, 5])]
    write_image(tmp_path / "a.png")
    spec = coco(path=write(tmp_path / "train.json", document(images=images, annotations=boxes)))
    assert len(spec.train) == 1
    assert read(spec).boxes == {"a.png": [CAT, ("cat", 0, 0, 5, 5)]}


@pytest.mark.parametrize(
    ("stated", "size"),
    [((40, 20), (8, 10)), ((80, 40), (4, 5)), ((None, None), (8, 10)), ((0, 0), (8, 10)), ((81, 40), None)],
)
def test_boxes_are_fractions_of_the_size_that_was_labelled(
    tmp_path: Path, stated: tuple[Any, Any], size: tuple[float, float] | None
) -> None:
    width, height = stated
    images = [{"id": 10, "file_name": "a.png", "width": width, "height": height}]
    write_image(tmp_path / "a.png")
    reading = read(coco(path=write(tmp_path / "train.json", document(images=images))))
    assert reading.faults == []
    found = reading.boxes["a.png"][0][3:]
    assert found == pytest.approx(size or (8 * 40 / 81, 5), abs=1e-3), "half a pixel of rounding is no other shape"


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


def test_a_file_is_parsed_once_until_it_changes(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "set" / "a.png")
    file = tmp_path / "set" / "train.json"
    write(file, document())
    first = read(coco(path=str(file)))
    assert first.boxes == {"a.png": [CAT]}
    kept = list((cache / "converted").iterdir())
    assert [path.suffix for path in kept] == [".npz"]

    with monkeypatch.context() as patched:
        patched.setattr(module, "_parse", lambda file: pytest.fail("parsed again"))
        shutil.rmtree(cache / "labels")
        module._opened.cache_clear()  # as another process
        assert read(coco(path=str(file))) == first

    module._opened.cache_clear()
    kept[0].write_bytes(kept[0].read_bytes()[:-100])  # of a disk that lost its end
    shutil.rmtree(cache / "labels")
    assert read(coco(path=str(file))) == first

    write(file, document(annotations=[annotation(1, bbox=[0, 0, 40, 20])]))
    assert read(coco(path=str(file))).boxes == {"a.png": [("cat", 0, 0, 40, 20)]}
    assert len(list((cache / "converted").iterdir())) == 1, "what was found in the older state is removed"


def test_boxes_are_looked_up_only_when_labels_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png")
    file = write(tmp_path / "train.json", document())
    first = read(coco(path=file))
    module._opened.cache_clear()
    monkeypatch.setattr(module.CocoFile, "boxes", lambda *_: pytest.fail("the scan is cached"))
    assert read(coco(path=file)) == first


def test_a_cache_folder_that_cannot_be_written_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no folder").write_text("a file")
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "no folder"))
    write_image(tmp_path / "a.png")
    assert read(coco(path=write(tmp_path / "train.json", document()))).boxes == {"a.png": [CAT]}
