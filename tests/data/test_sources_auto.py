"""A data set is recognised by looking, in a documented order, and the choice is said where there is one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.forms import FORMS, Box, LabelledSet, write_form
from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.sources.auto import auto


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def labelled(tmp_path: Path) -> LabelledSet:
    images = {name: write_image(tmp_path / "made" / name) for name in ("a.png", "b.png")}
    return LabelledSet(
        images, {name: [Box(0, 4, 6, 8, 10)] for name in images}, ["cat"], {"train": ["a.png"], "val": ["b.png"]}
    )


READ_AS = {"yaml": "yolo", "folder": "folder", "coco": "coco", "voc": "voc", "labelme": "labelme", "flat": "flat"}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_recognised_and_said(form: str, tmp_path: Path, labelled: LabelledSet) -> None:
    write_form(form, tmp_path / form, labelled)
    spec = auto(path=str(tmp_path / form))
    source = tmp_path / form / ("data.yaml" if form.startswith("yaml") else "")
    assert (spec.form, spec.source, spec.notes) == (READ_AS[form.partition("-")[0]], str(source), ())
    assert spec.origin({"train": 2}) == f"read as {spec.form} from {source}: images in train 2"
    assert read(spec).boxes["a.png"] == [("cat", 4, 6, 8, 10)]


def test_a_file_says_its_form_by_its_suffix(tmp_path: Path, labelled: LabelledSet) -> None:
    write_form("yaml", tmp_path / "yaml", labelled)
    write_form("coco", tmp_path / "coco", labelled)
    assert auto(path=str(tmp_path / "yaml" / "data.yaml")).val
    assert auto(path=str(tmp_path / "coco" / "annotations" / "instances_train2017.json")).val == ()
    with pytest.raises(UserError, match=r"a.png is neither a folder nor a data.yaml nor a COCO JSON file"):
        auto(path=str(tmp_path / "made" / "a.png"))


def test_of_several_forms_the_first_is_taken_unless_another_is_named(tmp_path: Path, labelled: LabelledSet) -> None:
    root = tmp_path / "set"
    write_form("folder", root, labelled)
    (tmp_path / "other").mkdir()
    write_form("coco-roboflow", tmp_path / "other" / "coco", labelled)
    (tmp_path / "other" / "coco" / "train" / "_annotations.coco.json").rename(root / "train.json")
    (root / "data.yaml").write_text("train: train/images\nval: val/images\nnames: [ocelot]\n")
    spec = auto(path=str(root))
    assert spec.names == {0: "ocelot"}
    assert spec.notes == ("could be read as coco (train.json), too; dataset.format=coco does",)
    assert auto(path=str(root), format="folder").names == {0: "cat"}
    assert auto(path=str(root), format="coco").names == {0: "cat"}
    (root / "train.json").write_text('{"images": [], "annotations": [], "categories": 3}')
    assert auto(path=str(root)).notes == (), "what would be refused is not advised"
    with pytest.raises(UserError, match="no images with Pascal VOC XML"):
        auto(path=str(root), format="voc")


def test_what_was_looked_for_and_what_is_there_is_said(tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / "set" / f"{number}.png")
    (tmp_path / "set" / "boxes").mkdir()
    (tmp_path / "set" / "boxes.csv").write_text("")
    with pytest.raises(UserError) as caught:
        auto(path=str(tmp_path / "set"))
    assert str(caught.value) == (
        f"{tmp_path / 'set'}: no form of data set is recognised: no data.yaml, no train/images, no COCO JSON, "
        "no Pascal VOC XML, no labelme JSON, no images with .txt labels; it holds the folders boxes, 3 .png, 1 .csv"
    )
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="it holds nothing"):
        auto(path=str(tmp_path / "nothing"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_written_into_the_users_folder(form: str, tmp_path: Path, labelled: LabelledSet) -> None:
    root = tmp_path / form
    write_form(form, root, labelled)

    def state() -> list[tuple[str, int, int]]:
        files = [root, *sorted(root.rglob("*"))]
        return [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files]

    before = state()
    for file in [root, *root.rglob("*")]:
        file.chmod(0o555 if file.is_dir() else 0o444)
    try:
        assert read(auto(path=str(root))).boxes["a.png"]
        assert state() == before
    finally:
        for file in [root, *root.rglob("*")]:
            file.chmod(0o755)


def test_another_word_is_refused_with_the_right_ones(yolograft: Callable[..., object]) -> None:
    refused = yolograft("train", "dataset=auto", "dataset.path=x", "dataset.format=yoloo")
    assert (refused.returncode, refused.stdout) == (2, "")  # type: ignore[attr-defined]
    message = refused.stderr  # type: ignore[attr-defined]
    assert "dataset.format=yoloo: must be one of auto, yolo, folder, coco, voc, labelme, flat" in message
    assert message.count("\n") == 1
