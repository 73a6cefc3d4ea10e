"""Splits that folders or lists name are used, for every form, also where the folder was given a level off."""

import json
from pathlib import Path

import pytest

from helpers.forms import Box, voc_xml
from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.sources.auto import auto
from yolograft.data.sources.coco import coco
from yolograft.data.sources.flat import flat
from yolograft.data.sources.folder import folder
from yolograft.data.sources.voc import voc
from yolograft.data.spec import DataSpec
from yolograft.data.split_names import split_of
from yolograft.data.splitting import hold_out

CAT = ("cat", 4, 6, 8, 10)

#: Images and labels of train, of val and of test, if there is one.
LAYOUTS = {
    "images/train": ("images/train/a labels/train/a", "images/val/b labels/val/b", "images/test/c labels/test/c"),
    "train/images": ("train/images/a train/labels/a", "valid/images/b valid/labels/b", "test/images/c test/labels/c"),
    "together": ("train/a train/a", "validation/b validation/b", ""),
    "together in images": ("images/train/a images/train/a", "images/val/b images/val/b", ""),
    "capitals": ("Train/images/a Train/labels/a", "VAL/images/b VAL/labels/b", "Test/images/c Test/labels/c"),
    "years": ("images/train2017/a labels/train2017/a", "images/val2017/b labels/val2017/b", ""),
    "CVAT": ("obj_train_data/a obj_train_data/a", "obj_valid_data/b obj_valid_data/b", ""),
    "deeper": ("images/train/x/a labels/train/x/a", "images/val/y/b labels/val/y/b", ""),
}


def write_pair(root: Path, where: str) -> None:
    """One image with the box CAT, and its label file; nothing where there is no such split."""
    if where:
        image, label = where.split(" ")
        write_image(root / f"{image}.png")
        (root / label).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{label}.txt").write_text("0 0.2 0.55 0.2 0.5\n")


def write_layout(root: Path, layout: str, names: str = "classes.txt") -> None:
    for where in LAYOUTS[layout]:
        write_pair(root, where)
    (root / names).write_text("cat\ndog\n")


Boxes = dict[str, list[tuple[str, float, float, float, float]]]


def splits(spec: DataSpec) -> dict[str, Boxes]:
    return {split: read(spec, split).boxes for split in ("train", "val", "test") if getattr(spec, split)}


def expected(layout: str) -> dict[str, Boxes]:
    found: dict[str, Boxes] = {"train": {"a.png": [CAT]}, "val": {"b.png": [CAT]}, "test": {"c.png": [CAT]}}
    return {split: found[split] for split, where in zip(found, LAYOUTS[layout], strict=True) if where}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("source", [auto, folder, flat], ids=lambda source: source.__name__)
def test_splits_that_folders_name(source: object, layout: str, tmp_path: Path) -> None:
    root = tmp_path / "set 猫"
    write_layout(root, layout)
    spec = source(path=str(root))  # type: ignore[operator]
    assert splits(spec) == expected(layout)
    assert (spec.form, spec.source, spec.names, spec.notes) == ("folder", str(root), {0: "cat", 1: "dog"}, ())
    with pytest.raises(UserError, match="has a val split already"):
        hold_out(spec, 0.8)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("between", ["set", "set/set"])
def test_a_folder_above_the_data_set(layout: str, between: str, tmp_path: Path) -> None:
    write_layout(tmp_path / "zip" / between, layout)
    (tmp_path / "zip" / "__MACOSX" / "train").mkdir(parents=True)
    (tmp_path / "zip" / "README.txt").write_text("a set\n")
    spec = auto(path=str(tmp_path / "zip"))
    assert splits(spec) == expected(layout)
    assert (spec.root, spec.name) == (str(tmp_path / "zip" / between), "set")
    assert spec.notes == (f"the data set lies in {Path(between)}, in the folder given",)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_inside_the_data_set(layout: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_layout(root, layout)
    train = Path(LAYOUTS[layout][0].split(" ")[0]).parent
    for part in [train, *train.parents][:-1]:
        if part.name != "x":
            spec = auto(path=str(root / part))
            assert splits(spec) == expected(layout), part
            assert spec.notes == (f"{part.name} is a part of the data set in {root}, which is read",)


def test_a_split_without_its_data_set_is_a_data_set(tmp_path: Path) -> None:
    write_pair(tmp_path, "train/images/a train/labels/a")
    (tmp_path / "train" / "classes.txt").write_text("cat\n")
    assert read(auto(path=str(tmp_path / "train"))).boxes == {"a.png": [CAT]}
    (tmp_path / "other.yaml").write_text("train: elsewhere\n")
    assert auto(path=str(tmp_path / "train")).form == "flat"


def test_of_two_data_sets_one_is_to_be_chosen(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_layout(tmp_path / name, "images/train")
    with pytest.raises(UserError) as caught:
        auto(path=str(tmp_path))
    assert str(caught.value) == f"{tmp_path}: holds several data sets: one, two; dataset.path names one of them"


def test_two_folders_of_one_split_are_both_used_and_said(tmp_path: Path) -> None:
    write_layout(tmp_path, "train/images")
    write_pair(tmp_path, "val/images/d val/labels/d")
    spec = auto(path=str(tmp_path))
    assert sorted(read(spec, "val").boxes) == ["b.png", "d.png"]
    assert spec.notes == (f"val: {tmp_path / 'val' / 'images'} and {tmp_path / 'valid' / 'images'}",)


@pytest.mark.parametrize("prefix", ["", "./", "data/", "C:\\Users\\me\\set\\", "/content/set/"])
def test_splits_that_lists_name(prefix: str, tmp_path: Path) -> None:
    for name in "abcd":
        write_pair(tmp_path, f"images/{name} labels/{name}")
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "train.txt").write_text(f"{prefix}images/a.png\n{prefix}images/c.png\n")
    (tmp_path / "valid.txt").write_text(f"{prefix}images/b.png\n")
    spec = auto(path=str(tmp_path))
    assert splits(spec) == {"train": {"a.png": [CAT], "c.png": [CAT]}, "val": {"b.png": [CAT]}}


def test_voc_lists_and_folders(tmp_path: Path) -> None:
    for kit, images, xml, lists in (
        ("official", "JPEGImages", "Annotations", "ImageSets/Main"),
        ("lower case", "images", "annotations", "ImageSets"),
        ("beside", "images", "annotations", "."),
    ):
        root = tmp_path / kit
        for name in "ab":
            write_image(root / images / f"{name}.png")
            (root / xml).mkdir(exist_ok=True)
            (root / xml / f"{name}.xml").write_text(voc_xml((40, 20), [Box(0, 4, 6, 8, 10)], ["cat"]))
        (root / lists).mkdir(parents=True, exist_ok=True)
        (root / lists / "train.txt").write_text("images/b.png annotations/b.xml\n" if kit == "beside" else "b\n")
        (root / lists / "valid.txt").write_text("images/a.png annotations/a.xml\n" if kit == "beside" else "a\n")
        for spec in (auto(path=str(root)), voc(path=str(root))):
            assert splits(spec) == {"train": {"b.png": [CAT]}, "val": {"a.png": [CAT]}}, kit
            assert spec.form == "voc"
    for part in ("JPEGImages", "Annotations", "."):
        assert auto(path=str(tmp_path / "official" / part)).root == str(tmp_path / "official")


def test_coco_splits_above_and_inside(tmp_path: Path) -> None:
    root = tmp_path / "zip" / "set"
    for split, name in (("Train", "a.png"), ("Valid", "b.png")):
        write_image(root / split / name)
        image = {"id": 1, "file_name": name, "width": 40, "height": 20}
        box = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [4, 6, 8, 10]}
        document = {"images": [image], "annotations": [box], "categories": [{"id": 3, "name": "cat"}]}
        (root / split / "_annotations.coco.json").write_text(json.dumps(document))
    for place in (root, root.parent, root / "Train", root / "Valid"):
        for spec in (auto(path=str(place)), coco(path=str(place))):
            assert splits(spec) == {"train": {"a.png": [CAT]}, "val": {"b.png": [CAT]}}, place
            assert (spec.form, spec.root) == ("coco", str(root))


def test_names_of_label_studio(tmp_path: Path) -> None:
    write_layout(tmp_path, "images/train")
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "notes.json").write_text('{"categories": [{"id": 1, "name": "dog"}, {"id": 0, "name": "cat"}]}')
    assert auto(path=str(tmp_path)).names == {0: "cat", 1: "dog"}
    for text in ('{"categories": [{"id": 1, "name": "dog"}]}', "[]", "{", '{"categories": [[]]}'):
        (tmp_path / "notes.json").write_text(text)
        with pytest.raises(UserError, match=r"notes.json: names no categories with the ids 0, 1, …; write classes.txt"):
            auto(path=str(tmp_path))


def test_equal_class_names_are_said(tmp_path: Path) -> None:
    write_layout(tmp_path, "images/train")
    (tmp_path / "classes.txt").write_text("cat\ndog\ncat\n")
    spec = auto(path=str(tmp_path))
    assert spec.notes == ("classes.txt: the classes 0 and 2 have the same name, 'cat'; both are kept",)
    assert spec.nc == 3


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Valid", "val"),
        ("validation", "val"),
        ("TEST", "test"),
        ("val2017", "val"),
        ("obj_Validation_data", "val"),
        ("trains", None),
        ("trainval", None),
        ("train2", None),
        ("pretrain", None),
        ("", None),
    ],
)
def test_names_of_splits(name: str, split: str | None) -> None:
    assert split_of(name) == split
