import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolograft.common.fonts import font_for
from yolograft.data.inspect.reading import Reading, read
from yolograft.data.inspect.samples import SAMPLE_SIDE, Box, Picture, choose, pairs, samples
from yolograft.data.inspect.samples import faulty as faulty_images
from yolograft.data.sources.yolo import yolo
from yolograft.render.inspect.sheet import sheet
from yolograft.render.pages.colours import palette


@pytest.fixture
def faulty_reading(faulty: Path) -> Reading:
    return read(yolo(path=str(faulty)))


def test_samples_are_of_every_split_and_carry_their_boxes(clean: Path) -> None:
    pictures = samples(read(yolo(path=str(clean))))
    assert Counter(picture.split for picture in pictures) == {"train": 4, "val": 2}
    picture = next(p for p in pictures if p.split == "train")
    assert picture.pixels.shape == (360, 480, 3)  # 64x48 brought to 480
    assert max(picture.pixels.shape) == SAMPLE_SIDE
    assert picture.boxes == (Box(0, 120, 90, 240, 180), Box(1, 60, 0, 120, 180))
    assert picture.classes == {0: 1, 1: 1}


def test_the_same_samples_are_chosen_wherever_the_set_lies_and_rare_classes_first(faulty_reading: Reading) -> None:
    images, scan = faulty_reading.splits["train"]
    elsewhere = [f"/other/place/{Path(image).name}" for image in images]
    chosen = choose(images, scan, 3)
    assert chosen == choose(elsewhere, scan, 3)
    first = np.cumsum([0, *scan.counts])
    assert {scan.rows[first[i], 0] for i in chosen[:2]} == {0, 1}  # both classes in the first two
    assert len(choose(images, scan, 100)) == scan.images


def test_pairs_name_what_is_in_both_splits_leaks_first(faulty_reading: Reading) -> None:
    found = [
        (pair.fault.kind, *((p.split, Path(p.file).name) for p in (pair.first, pair.second)))
        for pair in pairs(faulty_reading)
    ]
    assert found[:2] == [
        ("leak", ("train", "image 0.png"), ("val", "copied.png")),
        ("near-leak", ("train", "image 1.png"), ("val", "brighter.png")),
    ]
    ((kind, first, second),) = found[2:]
    assert kind == "duplicate-image"
    assert {first, second} == {("train", "again.png"), ("train", "twice.png")}
    assert all(pair.alike >= 0.95 for pair in pairs(faulty_reading))


def test_faulty_images_are_shown_also_where_the_fault_is_in_their_labels(faulty_reading: Reading) -> None:
    shown = {fault.kind: Path(picture.file).name for fault, picture in faulty_images(faulty_reading)}
    assert shown == {
        "class-range": "range.png",
        "pixels": "pixels.png",
        "duplicate-row": "twice.png",
        "grey": "红 <i>.png",
    }


@pytest.mark.parametrize("nc", [1, 8, 9, 80])
def test_classes_have_colours_of_their_own(nc: int) -> None:
    colours = palette(nc)
    assert len(set(colours)) == nc
    assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in colours)


def test_the_sheet_draws_boxes_in_their_colour_and_names_below_the_pictures() -> None:
    ground = np.full((60, 80, 3), 128, np.uint8)
    content, missing = sheet([Picture("a.png", "train", ground, (Box(1, 20, 10, 40, 30),))], {0: "x", 1: "Blutkörper"})
    image = Image.open(io.BytesIO(content)).convert("RGB")
    assert missing == []
    colour = tuple(int(palette(2)[1][i : i + 2], 16) for i in (1, 3, 5))
    edge = 12 + 20 + 1, 12 + 25  # the margin, the box's left edge, inside its dark rim
    assert image.getpixel(edge) == colour
    assert image.getpixel((12 + 40, 12 + 25)) == (128, 128, 128)  # nothing is drawn on the object
    below = np.asarray(image)[12 + 60 :]
    assert (below == colour).all(axis=2).sum() > 50  # the legend's mark
    assert not (below == tuple(int(palette(2)[0][i : i + 2], 16) for i in (1, 3, 5))).all(axis=2).any()


def test_a_name_that_no_font_can_write_is_a_number_on_the_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", list)
    picture = Picture("a.png", "val", np.zeros((40, 200, 3), np.uint8), (Box(0, 1, 1, 9, 9),))
    content, missing = sheet([picture], {0: "红白细胞"})
    assert missing == ["红白细胞"]
    assert content == sheet([picture], {0: "class 0"})[0]
    assert font_for("naïve Ünïcode Ωμέγα Ж") == font_for("plain")
