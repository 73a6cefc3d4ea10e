"""SODA10M and WiderPerson, as their archives lie on disk."""

import json
from pathlib import Path

import pytest

from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.sources.soda10m import soda10m
from yolograft.data.sources.widerperson import widerperson


@pytest.mark.parametrize("above", [".", "labeled", "SSLAD-2D/labeled"])
def test_soda10m(tmp_path: Path, above: str) -> None:
    root = tmp_path / above
    for split in ("train", "val"):
        write_image(root / split / f"HT_{split.upper()}_000001_SH_000.jpg")
        document = {
            "images": [{"id": 1, "file_name": f"HT_{split.upper()}_000001_SH_000.jpg", "width": 40, "height": 20}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [4, 6, 8, 10]}],
            "categories": [{"id": 3, "name": "Car"}, {"id": 1, "name": "Pedestrian"}, {"id": 2, "name": "Cyclist"}],
        }
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"instance_{split}.json").write_text(json.dumps(document))
    spec = soda10m(path=str(tmp_path))
    assert (spec.name, spec.names) == ("soda10m", {0: "Pedestrian", 1: "Cyclist", 2: "Car"})
    assert read(spec).boxes == {"HT_TRAIN_000001_SH_000.jpg": [("Car", 4, 6, 8, 10)]}
    assert read(spec, "val").boxes == {"HT_VAL_000001_SH_000.jpg": [("Car", 4, 6, 8, 10)]}


def test_soda10m_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no labeled/annotations/instance_train.json"):
        soda10m(path=str(tmp_path))


@pytest.fixture
def wider(tmp_path: Path) -> Path:
    for name in ("000040", "000077"):
        write_image(tmp_path / "Images" / f"{name}.jpg")
        annotate(tmp_path, "1 4 6 12 16", name=name)
    (tmp_path / "train.txt").write_text("000040\r\n")
    (tmp_path / "val.txt").write_text("000077\n")
    return tmp_path


def annotate(root: Path, *rows: str, name: str = "000040") -> None:
    """Write the rows, with their number above."""
    (root / "Annotations").mkdir(exist_ok=True)
    (root / "Annotations" / f"{name}.jpg.txt").write_text("\n".join([str(len(rows)), *rows]) + "\n")


def test_widerperson(wider: Path) -> None:
    annotate(wider, "1 4 6 12 16", "2 0 0 40 20", "4 0 0 5 5", "3 1 1 3 3", "5 2 2 30 20")
    spec = widerperson(path=str(wider))
    assert (spec.name, spec.test) == ("widerperson", ())
    assert list(spec.names.values()) == ["pedestrians", "riders", "partially-visible persons"]
    reading = read(spec)
    assert reading.boxes == {
        "000040.jpg": [
            ("pedestrians", 4, 6, 8, 10),
            ("riders", 0, 0, 40, 20),
            ("partially-visible persons", 1, 1, 2, 2),
        ]
    }
    message = "…/000040.jpg.txt:4: a region to be ignored; left out (and 1 more like it)"
    assert reading.faults == [("ignored", message)]
    assert read(spec, "val").boxes == {"000077.jpg": [("pedestrians", 4, 6, 8, 10)]}


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"", "columns", ": the first line must be the number of rows below it, 0"),
        (b"2\n1 4 6 12 16\n", "columns", ":1: the first line must be the number of rows below it, 1"),
        (b"1 4 6 12 16\n", "columns", ":1: the first line must be the number of rows below it, 0"),
        (b"1\n1 4 6 12\n", "columns", ":2: 4 columns instead of 5 (class x1 y1 x2 y2)"),
        (b"1\n1 4 six 12 16\n", "number", ":2: '1 4 six 12 16' holds something else than numbers"),
        (b"1\n6 4 6 12 16\n", "class-range", ":2: class 6 is none of 1 to 5"),
        (b"1\nnan 4 6 12 16\n", "class-range", ":2: class nan is none of 1 to 5"),
        (b"1\n1 12 6 4 16\n", "negative", ":2: pedestrians: negative size (-8 x 10)"),
        (b"1\n1 4 \xff 12 16\n", "encoding", ":2: byte 0xff is not UTF-8 text"),
        (None, "unreadable-labels", ": the label file cannot be read: "),
    ],
)
def test_faulty_labels_of_widerperson(wider: Path, content: bytes | None, kind: str, message: str) -> None:
    file = wider / "Annotations" / "000040.jpg.txt"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    reading = read(widerperson(path=str(wider)))
    assert reading.boxes == {}
    assert [found for found, _ in reading.faults] == [kind]
    assert reading.faults[0][1].startswith(f"…/000040.jpg.txt{message}")


def test_widerperson_lacks_a_part(wider: Path) -> None:
    (wider / "val.txt").unlink()
    with pytest.raises(UserError, match=r"no val.txt; WiderPerson holds Images, Annotations, train.txt and val.txt"):
        widerperson(path=str(wider))
    (wider / "Annotations").rename(wider / "annotated")
    with pytest.raises(UserError, match="no folder Annotations"):
        widerperson(path=str(wider))
