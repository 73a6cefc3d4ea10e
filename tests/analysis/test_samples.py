"""What runs kept of images, read back and put side by side."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from helpers.made_sweep import make_sweep
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import compare
from yolograft.analysis.samples import agreement, compare_images, saved
from yolograft.render.photograph import SIDE, read_photograph
from yolograft.render.pictures.photographs import photographs_png
from yolograft.runs.predictions import Box, read_predictions


def box(label: int, left: float, right: float) -> Box:
    return Box(label, (left, 0.0, right, 1.0))


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        ([], [], 1.0),
        ([box(0, 0, 0.5)], [], 0.0),
        ([box(0, 0, 0.5)], [box(0, 0, 0.5)], 1.0),
        ([box(0, 0, 0.5)], [box(1, 0, 0.5)], 0.0),
        ([box(0, 0, 0.5)], [box(0, 0.3, 0.8)], 0.0),  # IoU 0.25
        ([box(0, 0, 0.6)], [box(0, 0.1, 0.7)], 1.0),  # IoU 0.71
        ([box(0, 0, 0.5), box(0, 0, 0.5)], [box(0, 0, 0.5)], 2 / 3),  # a box has one counterpart
        ([box(0, 0, 0.5), box(1, 0.5, 1)], [box(1, 0.5, 1), box(0, 0.6, 0.9)], 0.5),
    ],
)
def test_agreement_is_the_share_of_boxes_with_a_counterpart(first: list[Box], second: list[Box], share: float) -> None:
    assert agreement(first, second) == pytest.approx(share)
    assert agreement(second, first) == pytest.approx(share)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_sweep(tmp_path / "made", backbones=("yolo11", "effv1"), seeds=2, epochs=2, images=4)


def test_images_on_which_variants_agree_least_come_first_and_the_baseline_first_of_all(folder: Path) -> None:
    odd = folder / "data" / "cell 2.jpg"
    for run in folder.glob("*/predictions.json"):
        content = json.loads(run.read_text(encoding="utf-8"))
        for image in content["images"]:
            found = [] if Path(image["file"]) == odd and "gsconv" in run.parent.name else image["labelled"]
            image["found"] = [[*one, 0.9] for one in found]
        run.write_text(json.dumps(content), encoding="utf-8")
    samples = compare_images(saved(compare(collect([folder]))))
    assert samples is not None
    assert samples.variants[0] == "yolo11 + conv"
    assert len(samples.variants) == 4
    assert samples.images[0].file == odd
    assert samples.images[0].agreement == pytest.approx(2 / 6)  # of six pairs of variants two agree
    assert [image.agreement for image in samples.images[1:]] == [1.0] * 3
    assert samples.gone == ()


def test_a_single_variant_is_compared_with_the_labels(folder: Path) -> None:
    shown = saved(compare(collect([folder])))[:1]
    samples = compare_images(shown)
    assert samples is not None
    (label,) = samples.variants
    for image in samples.images:
        assert image.agreement == pytest.approx(agreement(image.labelled, image.found[label]))
    shares = [image.agreement for image in samples.images]
    assert shares == sorted(shares)
    assert shares[0] < 1


def test_an_image_that_is_gone_is_left_out_and_named(folder: Path) -> None:
    (folder / "data" / "cell 0.jpg").unlink()
    samples = compare_images(saved(compare(collect([folder]))))
    assert samples is not None
    assert [Path(file).name for file in samples.gone] == ["cell 0.jpg"]
    assert "cell 0.jpg" not in [image.file.name for image in samples.images]
    assert len(samples.images) == 3


def test_runs_without_predictions_or_with_damaged_ones_are_passed_over(folder: Path) -> None:
    for run in folder.glob("*/predictions.json"):
        if "effv1" in run.parent.name:
            run.unlink()
    shown = saved(compare(collect([folder])))
    assert [row.variant.label for row, _ in shown] == ["yolo11 + conv", "yolo11 + gsconv"]
    for run in folder.glob("*/predictions.json"):
        run.unlink()
    shown = saved(compare(collect([folder])))
    assert shown == []
    assert compare_images(shown) is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"names": 3}', '{"names": [], "confidence": "x", "confusion": [], "images": []}',
     '{"names": [], "confidence": 1, "confusion": [], "images": [{"file": "a", "labelled": [[1]], "found": []}]}'],
)  # fmt: skip
def test_a_damaged_file_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "predictions.json").write_text(text, encoding="utf-8")
    assert read_predictions(tmp_path) is None


def test_a_confusion_of_the_wrong_shape_is_unknown(tmp_path: Path) -> None:
    content = {"names": ["a"], "confidence": 0.25, "confusion": [[1, 2]], "images": []}
    (tmp_path / "predictions.json").write_text(json.dumps(content), encoding="utf-8")
    found = read_predictions(tmp_path)
    assert found is not None
    assert found.confusion == ()


def test_the_picture_has_a_row_for_each_image_and_a_column_for_each_variant(folder: Path) -> None:
    samples = compare_images(saved(compare(collect([folder]))))
    assert samples is not None
    content = photographs_png(samples)
    assert content is not None
    picture = Image.open(io.BytesIO(content))
    assert picture.width == 5 * (SIDE + 10) + 10
    assert picture.height > 4 * SIDE * 3 / 4


def test_small_images_stand_side_by_side_and_all_classes_below_them(folder: Path, tmp_path: Path) -> None:
    samples = compare_images(saved(compare(collect([folder]))))
    assert samples is not None
    Image.new("RGB", (100, 50)).save(tmp_path / "small.png")
    labelled = tuple(box(label, 0.1, 0.9) for label in range(9))
    small = replace(samples.images[0], file=tmp_path / "small.png", labelled=labelled)
    widths = []
    for letters in (1, 40):
        content = photographs_png(replace(samples, images=(small,), names=("n" * letters,) * 9))
        assert content is not None
        widths.append(Image.open(io.BytesIO(content)).width)
    assert 5 * 110 + 10 <= widths[0] < 5 * 200, "no wider than images and titles"
    assert widths[1] > 9 * 40 * 8, "as wide as the names of all classes"


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "I;16", "1"])
def test_images_of_any_kind_become_small_colour_ones(tmp_path: Path, mode: str) -> None:
    file = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new(mode, (1000, 500)).save(file)
    image = read_photograph(file)
    assert image is not None
    assert (image.mode, image.size) == ("RGB", (SIDE, SIDE // 2))


def test_what_is_no_image_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert read_photograph(file) is None
    assert read_photograph(tmp_path / "none.png") is None
