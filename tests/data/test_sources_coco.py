"""COCO JSON: every layout it comes in, and what is made of the oddities of real files."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from helpers.coco_json import CAT, CATEGORIES, annotation, document, write
from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.labels import coco_file as module
from yolograft.data.sources.coco import coco


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


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
