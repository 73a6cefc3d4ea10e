"""labelme's JSON files: rectangles, the boxes around polygons and circles, and what is none of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.sources.auto import auto
from yolograft.data.sources.labelme import labelme


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))


def shape(label: Any, kind: Any, *points: Any) -> dict[str, Any]:
    return {"label": label, "shape_type": kind, "points": list(points), "flags": {}, "group_id": None}


def write(file: Path, *shapes: Any, **more: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # as labelme writes it: the path on somebody's machine, and the image itself
    document = {"version": "5.4.1", "imagePath": "..\\elsewhere\\x.jpg", "imageData": "AAAA" * 50_000, "shapes": shapes}
    file.write_text(json.dumps({**document, **more}), encoding="utf-8")


def test_shapes_become_boxes(tmp_path: Path) -> None:
    write_image(tmp_path / "s" / "a.png")
    write(
        tmp_path / "s" / "a.json",
        shape("dog", "rectangle", [30, 12], [10, 2]),
        shape(" cat\n", "polygon", [1, 1], [9, 2], [5, 11]),
        shape("cat", None, [20, 5], [25, 5], [25, 9], [20, 9]),
        shape("cat", "circle", [20, 10], [23, 14]),
        shape("dog", "mask", [3, 4], [8, 10]),
        shape("edge", "line", [0, 0], [9, 9]),
        shape("edge", "point", [3, 3]),
        imageWidth=40,
        imageHeight=20,
    )
    spec = auto(path=str(tmp_path / "s"))
    assert spec.names == {0: "cat", 1: "dog"}
    reading = read(spec)
    assert reading.boxes == {
        "a.png": [
            ("dog", 10, 2, 20, 10),
            ("cat", 1, 1, 8, 10),
            ("cat", 20, 5, 5, 4),
            ("cat", 15, 5, 10, 10),
            ("dog", 3, 4, 5, 6),
        ]
    }
    assert reading.faults == [
        ("polygons", "…/a.json: shapes[1]: polygon read as the box around it (and 2 more like it)"),
        ("ignored", "…/a.json: shapes[5]: line has no box; left out (and 1 more like it)"),
    ]


def test_layouts(tmp_path: Path) -> None:
    box = shape("cat", "rectangle", [1, 1], [9, 9])
    for place, labels in (("beside", "beside"), ("images", "annotations"), ("images/train", "labels/train")):
        root = tmp_path / place.replace("/", "-") / "set"
        write_image(root / place / "a.png")
        write(root / labels / "a.json", box)
        assert read(auto(path=str(root))).boxes == {"a.png": [("cat", 1, 1, 8, 8)]}, place
    root = tmp_path / "split"
    for split in ("Train", "valid"):
        write_image(root / split / "a.png")
        write(root / split / "a.json", box)
    spec = labelme(path=str(root))
    assert (spec.train, spec.val) == ((str(root / "Train"),), (str(root / "valid"),))


def test_classes(tmp_path: Path) -> None:
    write_image(tmp_path / "s" / "a.png")
    write(tmp_path / "s" / "a.json", shape("cat", "rectangle", [1, 1], [9, 9]))
    (tmp_path / "s" / "labels.txt").write_text("__ignore__\n_background_\ndog\ncat\n")
    assert labelme(path=str(tmp_path / "s")).names == {0: "dog", 1: "cat"}
    assert labelme(path=str(tmp_path / "s"), names=["cat"]).names == {0: "cat"}
    (tmp_path / "s" / "labels.txt").unlink()
    write(tmp_path / "s" / "a.json")
    with pytest.raises(UserError, match="no shape is named in 1 JSON files"):
        labelme(path=str(tmp_path / "s"))


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        (shape("bird", "rectangle", [1, 1], [9, 9]), "class-range", "shapes[0]: there is no class 'bird'"),
        (shape(7, "rectangle", [1, 1], [9, 9]), "class-range", "there is no class ''"),
        (shape("cat", "rectangle", [1, 1]), "number", "its points are not those of a rectangle"),
        (shape("cat", "rectangle", [1, "x"], [9, 9]), "number", "its points are not those of a rectangle"),
        (shape("cat", "polygon", [1, 1], [9, 9]), "number", "its points are not those of a polygon"),
        (shape("cat", "polygon", 5), "number", "its points are not those of a polygon"),
        (shape("cat", "rectangle", [100, 100], [190, 190]), "outside", "is outside the image of 40 x 20"),
        ("text", "class-range", "there is no class ''"),
    ],
)
def test_what_cannot_be_meant_so(tmp_path: Path, wrong: Any, kind: str, said: str) -> None:
    write_image(tmp_path / "s" / "a.png")
    write(tmp_path / "s" / "a.json", wrong)
    reading = read(labelme(path=str(tmp_path / "s"), names=["cat"]))
    assert reading.boxes == {}
    assert [found for found, _ in reading.faults] == [kind]
    assert said in reading.faults[0][1]


def test_an_image_of_another_shape_and_a_file_without_image(tmp_path: Path) -> None:
    write_image(tmp_path / "s" / "a.png")
    write(tmp_path / "s" / "a.json", shape("cat", "rectangle", [1, 1], [9, 9]), imageWidth=20, imageHeight=40)
    write(tmp_path / "s" / "b.json", shape("cat", "rectangle", [1, 1], [9, 9]))
    (tmp_path / "s" / "settings.json").write_text("{}")
    assert [kind for kind, _ in read(labelme(path=str(tmp_path / "s"))).faults] == [
        "unlike-image",
        "label-without-image",
    ]
