"""Paths of another machine are found by how they end, and never where that could mean two things."""

from pathlib import Path

import pytest

from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.listing import list_notes
from yolograft.data.sources.yolo import yolo
from yolograft.data.tails import AmbiguousPathError, Tails


def made(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("")
    return root


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("C:/Users/somebody/Desktop/set/train/images", "train/images"),
        ("C:\\Users\\somebody\\set\\val\\images", "val/images"),
        ("/content/drive/set/Train/Images/a.png", "train/images/a.png"),
        ("../val/images/a.png", "val/images/a.png"),
        ("data/obj/b.png", "obj/b.png"),
        ("valid/images", "val/images"),
        ("test/images", None),
        ("test/images/a.png", None),
        ("elsewhere/c.png", None),
        ("..", None),
        ("", None),
    ],
)
def test_the_longest_common_end_is_meant(written: str, found: str | None, tmp_path: Path) -> None:
    root = made(tmp_path, "train/images/a.png", "val/images/a.png", "obj/b.png", "obj/B.png")
    assert Tails(root).find(written) == (root / found if found else None)


def test_the_name_of_the_root_counts(tmp_path: Path) -> None:
    root = made(tmp_path / "set", "a.png", "old/a.png")
    assert Tails(root).find("/home/me/set/a.png") == root / "a.png"


def test_what_could_be_two_is_not_guessed(tmp_path: Path) -> None:
    root = made(tmp_path, "one/a.png", "two/a.png")
    with pytest.raises(AmbiguousPathError, match=r"it could be one/a.png or two/a.png"):
        Tails(root).find("/home/me/a.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Images of train and val, and a data.yaml to be written."""
    for split in ("train", "val"):
        write_image(tmp_path / "set" / split / "images" / f"{split}.png")
    return tmp_path / "set"


def write(root: Path, text: str) -> str:
    (root / "data.yaml").write_text(text + "names: [cat]\n")
    return str(root / "data.yaml")


def test_a_data_yaml_of_another_machine(root: Path) -> None:
    there = "C:/Users/somebody/Desktop/it"
    spec = yolo(path=write(root, f"train: {there}/train/images\nval: {there}/val/images\n"))
    assert (list(read(spec).boxes), list(read(spec, "val").boxes)) == (["train.png"], ["val.png"])
    assert spec.notes == (
        "data.yaml: 2 paths do not exist here and were found by how they end: "
        f"{there}/train/images as {Path('train/images')}",
    )


def test_backslashes_are_slashes(root: Path) -> None:
    spec = yolo(path=write(root, "path: .\\\ntrain: train\\images\nval: .\\val\\images\n"))
    assert (spec.train, spec.val, spec.notes) == (
        (str(root / "train" / "images"),),
        (str(root / "val" / "images"),),
        (),
    )
    (root / "list.txt").write_text("train\\images\\train.png\n")
    spec = yolo(path=write(root, "train: list.txt\nval: val/images\n"))
    assert (list(read(spec).boxes), list_notes(spec)) == (["train.png"], [])


def test_a_list_of_another_machine(root: Path) -> None:
    (root / "list.txt").write_text("/kaggle/input/set/train/images/train.png\nval/images/val.png\n/gone/x.png\n")
    spec = yolo(path=write(root, "train: list.txt\nval: val/images\n"))
    reading = read(spec)
    assert list(reading.boxes) == ["train.png", "val.png"]
    assert reading.faults == [("missing-image", "…/x.png: the image does not exist")]
    assert list_notes(spec) == [
        "list.txt: 1 of 3 paths do not exist and were found by how they end: "
        f"/kaggle/input/set/train/images/train.png as {Path('train/images/train.png')}"
    ]
    write_image(root / "train" / "copy" / "train.png")
    (root / "list.txt").write_text("val/images/val.png\n/elsewhere/train.png\n")
    with pytest.raises(UserError) as caught:
        read(spec)
    assert str(caught.value) == (
        f"{root / 'list.txt'}:2: /elsewhere/train.png does not exist; "
        "it could be train/copy/train.png or train/images/train.png: write which"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: train/images\nval: ../valid/pictures\n", r"'val' is .*pictures, which does not exist"),
        ("train: /x/images\nval: val/images\n", r"'train' is /x/images.*; it could be train/images or val/images"),
        ("train: /x/val/images\nval: /y/val/images\n", r"'val' is /y/val/images and another is /x/val/images; neither"),
    ],
)
def test_a_split_is_never_guessed(text: str, message: str, root: Path) -> None:
    with pytest.raises(UserError, match=message):
        yolo(path=write(root, text))


def test_one_split_is_never_taken_for_another(tmp_path: Path) -> None:
    write_image(tmp_path / "train" / "images" / "a.png")
    with pytest.raises(UserError, match=r"'val' is .*valid.images, which does not exist"):
        yolo(path=write(tmp_path, "train: ../train/images\nval: ../valid/images\n"))


def test_a_test_split_that_is_missing_is_said_and_left_out(root: Path) -> None:
    spec = yolo(path=write(root, "train: ../train/images\nval: ../val/images\ntest: ../test/images\n"))
    assert spec.test == ()
    (note,) = spec.notes
    assert note.startswith("data.yaml: 'test' is ")
    assert note.endswith(f"{Path('test/images')}, which does not exist; training does without")


def test_path_may_be_relative_to_the_working_folder(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "configs" / "pets.yaml"
    file.parent.mkdir()
    file.write_text("path: set\ntrain: train/images\nval: val/images\nnames: [cat]\n")
    monkeypatch.chdir(tmp_path)
    spec = yolo(path=str(file))
    assert spec.train == (str(root / "train" / "images"),)
    assert spec.notes == (f"pets.yaml: path: set is {root}, in the working folder",)


def test_a_path_that_is_gone_leaves_the_file_s_own_folder(root: Path) -> None:
    spec = yolo(path=write(root, "path: /home/somebody/set\ntrain: train/images\nval: val/images\n"))
    assert spec.val == (str(root / "val" / "images"),)
    assert spec.notes == ("data.yaml: path: /home/somebody/set does not exist; the file's own folder is taken",)
    with pytest.raises(UserError, match=r"does not exist \(paths are relative to .*; path: /gone does not exist\)"):
        yolo(path=write(root, "path: /gone\ntrain: nowhere\n"))
