"""Which label file an image gets where its name or place is not quite the expected one, and where nobody can tell."""

from pathlib import Path

import pytest

from helpers.forms import Box, voc_xml
from helpers.program import Program
from helpers.readings import read, write_image
from yolograft.data.labels.pairing import key
from yolograft.data.sources.flat import flat
from yolograft.data.sources.voc import voc
from yolograft.data.sources.yolo import yolo
from yolograft.data.spec import DataSpec

CAT = ("cat", 4, 6, 8, 10)
ROW = "0 0.2 0.55 0.2 0.5\n"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path_factory.mktemp("cache")))


def write(root: Path, images: str, labels: str, train: str = "images") -> DataSpec:
    """Write images and label files, names separated by blanks (`~` stands for one); return the data set.

    `train` may be the images of a list.
    """
    for name in images.split():
        write_image(root / name.replace("~", " "))
    for name in labels.split():
        file = root / name.replace("~", " ")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(voc_xml((40, 20), [Box(*[0, *CAT[1:]])], ["cat"]) if file.suffix == ".xml" else ROW)
    if "\n" in train:
        (root / "list.txt").write_text(train)
        train = "list.txt"
    (root / "data.yaml").write_text(f"train: {train}\nnames: [cat]\n", encoding="utf-8")
    return yolo(path=str(root))


MATCHED = {
    # images, label files, how many are not where they are expected
    "as expected": ("images/a.png images/b.png", "labels/a.txt labels/b.txt", 0),
    "beside": ("images/a.png images/b.png", "labels/a.txt images/b.txt", 1),
    "all beside": ("images/a.png images/b.png", "images/a.txt images/b.txt", 2),
    "folder of labels": ("images/a.png images/s/b.png", "Labels/a.txt Labels/s/b.txt", 2),
    "letter case of folders": ("images/S/a.png", "LABELS/s/a.txt", 1),
    "letter case": ("images/A.png images/b.png", "labels/a.txt labels/B.txt", 2),
    "letter case of the suffix": ("images/a.png", "labels/a.TXT", 1),
    "URL": ("images/a~b.png images/c%20d.png", "labels/a%20b.txt labels/c~d.txt", 2),
    "NFD": ("images/\u00e9.png", "labels/e\u0301.txt", 1),
    "NFC": ("images/e\u0301.png", "labels/\u00e9.txt", 1),
    "URL of NFD, large": ("images/\u00e9~x.png", "labels/E%CC%81%20X.txt", 1),
    "suffix kept": ("images/a.png images/b.jpg", "labels/a.png.txt labels/b.jpg.txt", 2),
    "suffix kept, two images of a name": ("images/a.png images/a.jpg", "labels/a.png.txt labels/a.jpg.txt", 2),
    "two images of a name": ("images/a.png images/a.jpg", "labels/a.txt", 0),
    "the exact one before another": ("images/a.png images/A.png", "labels/a.txt labels/A.txt", 0),
}


@pytest.mark.parametrize("case", MATCHED)
def test_labels_that_can_only_be_an_images_are_taken_and_it_is_said(case: str, tmp_path: Path) -> None:
    images, labels, count = MATCHED[case]
    reading = read(write(tmp_path, images, labels))
    assert len(reading.boxes) == len({Path(name).name for name in images.replace("~", " ").split()}) or "~" in images
    assert all(boxes == [CAT] for boxes in reading.boxes.values())
    assert [kind for kind, _ in reading.faults] == ["matched-labels"] * count


@pytest.mark.parametrize("folder", ["Images", "IMAGES"])
@pytest.mark.parametrize("labels", ["labels", "Labels", "LABELS"])
def test_letter_case_of_the_folder_of_images(folder: str, labels: str, tmp_path: Path) -> None:
    spec = write(tmp_path, f"{folder}/train/a.png", f"{labels}/train/a.txt", folder)
    assert read(spec).boxes == {"a.png": [CAT]}
    assert read(spec).faults == [("matched-labels", "…/a.txt: the labels of a.png, found in another folder")]


GRAVE = {
    # images, label files, the orphan, and the image that is named with it
    "ambiguous image": ("images/A.png images/a.png", "labels/%61.txt", "labels/%61.txt", "images/A.png (and 1 other"),
    "ambiguous label": ("images/x~y.png", "labels/X~Y.txt labels/x%20y.txt", "labels/X~Y.txt", "images/x~y.png has"),
    "mojibake": ("images/\u00e9.png", "labels/\u00c3\u00a9.txt", "labels/\u00c3\u00a9.txt", "images/\u00e9.png"),
    "prefix": ("images/a.png images/b.png", "labels/b.txt labels/1f-a.txt", "labels/1f-a.txt", "images/a.png has"),
    "not sorted into folders": ("images/s/a.png", "labels/a.txt", "labels/a.txt", "images/s/a.png has"),
    "another folder": ("images/a.png images/b.png", "labels/b.txt old/a.txt", "old/a.txt", "images/a.png has"),
    "beside": ("images/a.png images/b.png", "labels/b.txt images/c.txt", "images/c.txt", "images/a.png has"),
}


@pytest.mark.parametrize("case", GRAVE)
def test_an_image_without_labels_and_labels_without_image_are_errors_and_both_are_named(
    case: str, tmp_path: Path
) -> None:
    images, labels, orphan, named = (text.replace("~", " ") if n > 1 else text for n, text in enumerate(GRAVE[case]))
    faults = [fault for fault in read(write(tmp_path, images, labels)).faults if fault[0] == "orphan-labels"]
    name = Path(orphan).name
    assert any(text.startswith(f"…/{name}: fits no image, while {named}") for _, text in faults), faults


FINE = {
    # images, label files, kinds of faults
    "backgrounds": ("images/a.png images/b.png", "labels/a.txt", []),
    "an orphan where all images have labels": (
        "images/a.png",
        "labels/a.txt labels/gone.txt",
        ["label-without-image"],
    ),
    "images that no split uses": ("images/t/a.png images/t/b.png images/u/b.png", "labels/t/a.txt labels/u/b.txt", []),
    "images of another data set": ("images/t/b.png other/images/b.png", "labels/t/a.txt other/labels/b.txt", None),
    "what a detector wrote": ("images/t/b.png runs/predict/b.png", "runs/predict/labels/b.txt", []),
    "an earlier state": ("images/t/a.png images/u/a.png", "labels/t/a.txt labels_old/t/a.txt", []),
}


@pytest.mark.parametrize("case", FINE)
def test_backgrounds_stay_backgrounds(case: str, tmp_path: Path) -> None:
    images, labels, kinds = FINE[case]
    train = "[images/t, images/u]" if "earlier" in case else "images/t" if "images/t" in images else "images"
    found = [kind for kind, _ in read(write(tmp_path, images, labels, train)).faults]
    assert found == (["orphan-labels"] if kinds is None else kinds)
    if kinds is None:  # a.txt, not the other set's
        assert read(yolo(path=str(tmp_path))).faults[0][1].startswith("…/a.txt: ")


def test_what_is_no_row_of_labels_is_no_orphan(tmp_path: Path) -> None:
    spec = write(tmp_path, "images/a.png images/b.png", "labels/a.txt")
    for text in ("", "a cat and a dog\n", "1 2 3 4\n", "# 0 0 0 0 0\n"):
        (tmp_path / "labels" / "c.txt").write_text(text)
        assert [kind for kind, _ in read(spec).faults] == ["label-without-image"]
    (tmp_path / "labels" / "c.txt").write_text("\ufeff\n0 .5 .5 .1 .1\n", encoding="utf-8")
    assert [kind for kind, _ in read(spec).faults] == ["orphan-labels"]


def test_a_list_is_a_selection_of_images(tmp_path: Path) -> None:
    spec = write(
        tmp_path, "images/a.png images/b.png images/c.png", "labels/a.txt labels/c.txt", "images/a.png\nimages/b.png\n"
    )
    assert read(spec).faults == [], "c.txt is c.png's, though no split has it"
    (tmp_path / "labels" / "B_.txt").write_text(ROW)
    assert [kind for kind, _ in read(spec).faults] == ["orphan-labels"]


def test_a_match_does_not_depend_on_what_a_split_selects(tmp_path: Path) -> None:
    spec = write(tmp_path, "images/A.png images/a.png", "labels/a.txt", "images/A.png\n")
    assert read(spec).boxes == {"A.png": []}, "a.txt is a.png's"


def test_an_image_in_two_splits_is_matched_in_both(tmp_path: Path) -> None:
    write(tmp_path, "images/A.png images/b.png", "labels/a.txt labels/b.txt")
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [cat]\n")
    spec = yolo(path=str(tmp_path))
    assert read(spec).boxes == read(spec, "val").boxes == {"A.png": [CAT], "b.png": [CAT]}
    assert [kind for kind, _ in read(spec).faults] == ["matched-labels"]


def test_a_flat_folder(tmp_path: Path) -> None:
    write(tmp_path, "a~1.png B.png c.png", "a%201.txt b.TXT c.txt", ".")
    (tmp_path / "classes.txt").write_text("cat\n")
    reading = read(flat(path=str(tmp_path)))
    assert reading.boxes == {"a 1.png": [CAT], "B.png": [CAT], "c.png": [CAT]}
    assert [kind for kind, _ in reading.faults] == ["matched-labels"] * 2


def test_xml_files(tmp_path: Path) -> None:
    write(tmp_path, "images/a~1.png images/B.png images/c.png", "annotations/a%201.xml annotations/b.xml images/c.xml")
    reading = read(voc(path=str(tmp_path)))
    assert reading.boxes == {"a 1.png": [CAT], "B.png": [CAT], "c.png": [CAT]}
    assert [kind for kind, _ in reading.faults] == ["matched-labels"] * 3
    write_image(tmp_path / "images" / "d.png")
    assert [kind for kind, _ in read(voc(path=str(tmp_path))).faults] == ["matched-labels"] * 3, "a background"
    write(tmp_path, "", "annotations/other.xml")
    assert read(voc(path=str(tmp_path))).faults[3:] == [
        ("orphan-labels", "…/other.xml: fits no image, while images/d.png has no labels")
    ]
    (tmp_path / "annotations" / "other.xml").write_text("<annotation/>")
    assert [kind for kind, _ in read(voc(path=str(tmp_path))).faults[3:]] == ["label-without-image"]


def test_xml_files_of_sorted_images_are_not_mixed_up(tmp_path: Path) -> None:
    write(tmp_path, "images/train/B.png images/train/a.png images/val/b.png", "annotations/a.xml annotations/b.xml")
    spec = voc(path=str(tmp_path))
    assert read(spec).boxes == {"a.png": [CAT], "B.png": []}
    assert read(spec, "val").boxes == {"b.png": [CAT]}
    assert read(spec).faults == []


def test_keys() -> None:
    assert key("E\u0301 B") == key("\u00e9%20b") == key("%C3%89 b")
    assert key("100%") == "100%"
    assert key("a") != key("b")


def test_training_stops_and_names_both(tmp_path: Path, yolograft: Program) -> None:
    images, labels = "images/t/a.png images/t/bb.png images/v/ccc.png", "labels/t/bb.txt labels/v/ccc.txt labels/a.txt"
    write(tmp_path / "set", images, labels, "images/t")
    (tmp_path / "set" / "data.yaml").write_text("train: images/t\nval: images/v\nnames: [cat]\n")
    done = yolograft("train", "dataset=yolo", f"dataset.path={tmp_path / 'set'}", "imgsz=32", "epochs=1", "device=cpu")
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line]
    assert f"{Path('labels', 'a.txt')}: fits no image, while {Path('images', 't', 'a.png')} has no labels" in line
