"""What a run keeps of what its best weights find."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from helpers.program import Program
from helpers.tiny import TINY
from yolograft.evaluation.predictions import BOXES, IMAGES, PredictionCollector
from yolograft.runs.predictions import write_predictions
from yolograft.upstream.confusion import Confusion, labelled_boxes, shares_of_original


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set of images that are wide, high and square, two boxes in each of 16 for validation."""
    for split, count in (("train", 4), ("val", 16)):
        for kind in ("images", "labels"):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
        for number in range(count):
            size = ((120, 60), (50, 110), (64, 64))[number % 3]
            image = Image.new("RGB", size, (number * 10, 90, 120))
            image.save(tmp_path / "data" / split / "images" / f"{number} a.png")
            rows = f"0 0.3 0.4 0.25 0.2\n1 0.625 0.5 0.25 {0.3 + number / 100}\n"
            (tmp_path / "data" / split / "labels" / f"{number} a.txt").write_text(rows, encoding="utf-8")
    (tmp_path / "data" / "classes.txt").write_text("cat\ndog\n", encoding="utf-8")
    return tmp_path / "data"


def test_runs_keep_the_boxes_of_the_same_images_in_shares_of_the_originals(folder: Path, yolograft: Program) -> None:
    data = [text for text in TINY if not text.startswith("dataset.")]
    done = yolograft(
        "train", "-m", "neck=conv,gsconv", "rect=true", "dataset=folder", f"dataset.path={folder}", *data, "epochs=1"
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stderr.splitlines()[-1]).name == "report.html"  # what a newcomer opens is told last
    assert "The same images, seen by each variant" in next(folder.parent.rglob("report.html")).read_text("utf-8")
    files = sorted(folder.parent.glob("multirun/*/*/predictions.json"))
    first, second = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    assert [image["file"] for image in first["images"]] == [image["file"] for image in second["images"]]
    assert len(first["images"]) == IMAGES
    assert first["names"] == ["cat", "dog"]
    for image in first["images"]:
        number = int(Path(image["file"]).name.split()[0])
        assert Path(image["file"]) == folder / "val" / "images" / f"{number} a.png"
        cat, dog = sorted(image["labelled"])
        assert cat == pytest.approx([0, 0.175, 0.3, 0.425, 0.5], abs=2e-4)
        height = 0.3 + number / 100
        assert dog == pytest.approx([1, 0.5, 0.5 - height / 2, 0.75, 0.5 + height / 2], abs=2e-4)
    confusion = torch.tensor(first["confusion"])
    assert confusion[:, :2].sum(0).tolist() == [16, 16]  # every labelled object is counted once


def batch_of(boxes: list[list[float]], classes: list[int]) -> Mapping[str, Any]:
    """One image of 200 × 100 pixels in a network's input of 128 × 128: scaled by 0.64, 32 rows above and below."""
    return {
        "img": torch.zeros(1, 3, 128, 128),
        "cls": torch.tensor(classes).view(-1, 1).float(),
        "bboxes": torch.tensor(boxes).view(-1, 4),
        "batch_idx": torch.zeros(len(boxes)),
        "im_file": ["a.png"],
        "ori_shape": [(100, 200)],
        "ratio_pad": [((0.64, 0.64), (0.0, 32.0))],
    }


def test_boxes_are_placed_on_the_original_without_the_padding() -> None:
    batch = batch_of([[0.5, 0.5, 1.0, 0.5]], [1])
    labelled = labelled_boxes(batch, 0)
    assert labelled["bboxes"].tolist() == [[0, 32, 128, 96]]
    assert labelled["cls"].tolist() == [1]
    assert shares_of_original(labelled["bboxes"], batch, 0).tolist() == [[0, 0, 1, 1]]
    inner = torch.tensor([[32.0, 48.0, 64.0, 64.0]])
    assert shares_of_original(inner, batch, 0)[0].tolist() == pytest.approx([0.25, 0.25, 0.5, 0.5])
    assert inner.tolist() == [[32, 48, 64, 64]]  # not changed in place


def test_confusions_have_what_was_found_in_rows_and_what_is_labelled_in_columns() -> None:
    counted = Confusion({0: "cat", 1: "dog"}, 0.25)
    cat, dog, bird = [0.0, 0, 40, 40], [60.0, 60, 100, 100], [0.0, 60, 40, 100]
    labelled = {"cls": torch.tensor([0.0, 1.0]), "bboxes": torch.tensor([cat, dog])}
    found = {
        "cls": torch.tensor([1.0, 0.0, 0.0]),
        "bboxes": torch.tensor([cat, bird, dog]),
        "conf": torch.tensor([0.9, 0.8, 0.1]),  # the last too unsure to count
    }
    counted.update(found, labelled)
    assert counted.counts == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_unsure_boxes_are_left_out_and_of_very_many_the_surest_are_kept(tmp_path: Path) -> None:
    kept = PredictionCollector(["a.png", "b.png"], {0: "cat"})
    count = BOXES + 20
    found = {
        "bboxes": torch.tensor([[32.0, 48.0, 64.0, 64.0]]).repeat(count, 1),
        "conf": torch.linspace(0.9, 0.26, count),
        "cls": torch.zeros(count),
        "extra": torch.zeros(count, 0),
    }
    found["conf"][1] = 0.1
    kept(batch_of([], []), [found])
    write_predictions(tmp_path, kept.result())
    content = json.loads((tmp_path / "predictions.json").read_text(encoding="utf-8"))
    (image,) = content["images"]  # b.png has not come
    assert len(image["found"]) == BOXES
    assert image["found"][0] == [0, 0.25, 0.25, 0.5, 0.5, 0.9]
    assert min(row[5] for row in image["found"]) > 0.25
    assert image["labelled"] == []
