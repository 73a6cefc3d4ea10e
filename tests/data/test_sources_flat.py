"""One folder of images with text labels."""

from pathlib import Path

import pytest

from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.sources.flat import flat

CAT = ("cat", 4, 6, 8, 10)


def write_pair(image: Path, label: Path) -> None:
    write_image(image)
    label.parent.mkdir(parents=True, exist_ok=True)
    label.write_text("0 0.2 0.55 0.2 0.5\n")


@pytest.mark.parametrize(
    ("image", "label", "names"),
    [
        ("a.png", "a.txt", "classes.txt"),
        ("sub/a.png", "sub/a.txt", "classes.txt"),
        ("obj_train_data/a.png", "obj_train_data/a.txt", "obj.names"),
        ("images/a.png", "labels/a.txt", "classes.txt"),
        ("images/a.png", "labels/a.txt", "labels/classes.txt"),
        ("images/sub/a.png", "labels/sub/a.txt", "labels/predefined_classes.txt"),
    ],
)
def test_one_pool(tmp_path: Path, image: str, label: str, names: str) -> None:
    root = tmp_path / "set 猫"
    write_pair(root / image, root / label)
    write_image((root / image).with_name("background.png"))
    (root / names).write_text("cat\ndog\n")
    spec = flat(path=str(root))
    assert (spec.names, spec.val, spec.test, spec.name) == ({0: "cat", 1: "dog"}, (), (), "set 猫")
    assert read(spec).boxes == {"a.png": [CAT], "background.png": []}
    assert read(spec).faults == []


def test_a_list_of_classes_is_no_label_even_of_an_image_of_its_name(tmp_path: Path) -> None:
    write_pair(tmp_path / "a.png", tmp_path / "a.txt")
    write_image(tmp_path / "classes.png")
    (tmp_path / "classes.txt").write_text("cat\n")
    assert read(flat(path=str(tmp_path))).boxes == {"a.png": [CAT], "classes.png": []}


def test_labels_without_an_image_are_counted(tmp_path: Path) -> None:
    write_pair(tmp_path / "a.png", tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "classes.txt").write_text("cat\n")
    assert read(flat(path=str(tmp_path))).faults == [("label-without-image", "…/b.txt: labels without an image")]


def test_faulty_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no images"):
        flat(path=str(tmp_path))
    write_image(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"no classes.txt, one class name per line, in "):
        flat(path=str(tmp_path))
    (tmp_path / "classes.txt").write_text("\n")
    with pytest.raises(UserError, match=r"classes.txt: empty"):
        flat(path=str(tmp_path))
    (tmp_path / "classes.txt").write_text("cat\n\ndog\n")
    with pytest.raises(UserError, match=r"classes.txt:2: an empty line between class names"):
        flat(path=str(tmp_path))
    with pytest.raises(UserError, match=r"nowhere does not exist"):
        flat(path=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"x does not exist"):
        flat(path=str(tmp_path / ("x" * 300)))
