"""The layout train/images, train/labels, classes.txt, val/images, val/labels."""

from pathlib import Path

import pytest

from yolograft.common.errors import UserError
from yolograft.data.sources.folder import folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / "set 1" / split / kind).mkdir(parents=True)
    return tmp_path / "set 1"


@pytest.mark.parametrize("place", [".", "train", "train/labels"])
def test_classes_txt_where_tools_leave_it(root: Path, place: str) -> None:
    (root / place / "classes.txt").write_text("\ufeffred cell\r\nwhite cell\r\n\r\n", encoding="utf-8", newline="")
    spec = folder(path=str(root))
    assert spec.names == {0: "red cell", 1: "white cell"}
    assert spec.train == (str(root / "train" / "images"),)
    assert spec.val == (str(root / "val" / "images"),)
    assert spec.test == ()
    assert spec.name == "set 1"


def test_valid_and_test(root: Path) -> None:
    (root / "classes.txt").write_text("cell\n")
    (root / "val").rename(root / "valid")
    (root / "test" / "images").mkdir(parents=True)
    spec = folder(path=str(root))
    assert spec.val == (str(root / "valid" / "images"),)
    assert spec.test == (str(root / "test" / "images"),)


def test_faulty_layouts(root: Path) -> None:
    with pytest.raises(UserError, match=r"no classes.txt"):
        folder(path=str(root))
    (root / "classes.txt").write_text("\n")
    with pytest.raises(UserError, match=r"classes.txt: empty"):
        folder(path=str(root))
    (root / "val" / "images").rmdir()
    with pytest.raises(UserError, match=r"val.images does not exist"):
        folder(path=str(root))
    with pytest.raises(UserError, match=r"nowhere does not exist"):
        folder(path=str(root / "nowhere"))
    with pytest.raises(UserError, match=r"dataset.path is missing"):
        folder(path="???")
