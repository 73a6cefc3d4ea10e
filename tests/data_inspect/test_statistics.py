from collections.abc import Sequence

import numpy as np
import pytest

from yolograft.data.inspect.statistics import box_sides, centres, histograms, remarks, split_numbers
from yolograft.data.scan import Scan

NAMES = {0: "cat", 1: "dog", 2: "owl"}

# (height, width) of each image, and its boxes: class, centre x, centre y, width, height in fractions
WIDE = ((50, 100), [(0, 0.5, 0.5, 0.1, 0.2), (1, 0.99, 0.01, 0.3, 0.4)])
SQUARE = ((400, 400), [(1, 0.5, 0.5, 0.5, 0.5), (1, 0.1, 0.6, 0.0125, 0.5)])
TALL: tuple[tuple[int, int], list[tuple[float, ...]]] = ((100, 50), [])


def scan_of(*images: tuple[tuple[int, int], Sequence[tuple[float, ...]]], skipped: int = 0) -> Scan:
    rows = [row for _, boxes in images for row in boxes]
    return Scan(
        kept=np.arange(len(images)),
        shapes=np.array([shape for shape, _ in images], np.int64).reshape(-1, 2),
        counts=np.array([len(boxes) for _, boxes in images], np.int64),
        rows=np.array(rows, np.float32).reshape(-1, 5),
        lengths=np.array([], np.int64),
        points=np.zeros((0, 2), np.float32),
        thumbnails=np.zeros((len(images), 32, 32), np.uint8),
        total=len(images) + skipped,
    )


def test_boxes_are_measured_with_the_longer_side_at_imgsz() -> None:
    sides = box_sides(scan_of(WIDE, SQUARE, TALL), imgsz=200)
    # 100x50 is enlarged twice, 400x400 halved
    assert sides == pytest.approx(np.array([[20, 20], [60, 40], [100, 100], [2.5, 100]]), abs=1e-3)


def test_sizes_are_cocos_at_the_chosen_imgsz() -> None:
    scan = scan_of(WIDE, SQUARE, TALL)
    # areas at 200: 400, 2400, 10000, 250; at 800 sixteen times as much: 6400, 38400, 160000, 4000
    at_200 = split_numbers(scan, NAMES, 200)["sizes"]
    assert at_200 == {"small": 2, "medium": 1, "large": 1, "below_finest_stride": 1}
    at_800 = split_numbers(scan, NAMES, 800)["sizes"]
    assert at_800 == {"small": 0, "medium": 2, "large": 2, "below_finest_stride": 0}


def test_a_box_on_cocos_limit_belongs_to_the_larger_size() -> None:
    image = ((640, 640), [(0, 0.5, 0.5, 32 / 640, 32 / 640), (0, 0.5, 0.5, 96 / 640, 96 / 640)])
    assert split_numbers(scan_of(image), NAMES, 640)["sizes"] == {
        "small": 0,
        "medium": 1,
        "large": 1,
        "below_finest_stride": 0,
    }


def test_a_box_of_eight_pixels_is_not_narrower_than_eight() -> None:
    image = ((800, 800), [(0, 0.5, 0.5, 0.01, 0.5)])  # 0.01 in single precision is a little less
    assert split_numbers(scan_of(image), NAMES, 800)["sizes"]["below_finest_stride"] == 0


def test_images_backgrounds_and_classes_are_counted() -> None:
    numbers = split_numbers(scan_of(WIDE, SQUARE, TALL, skipped=2), NAMES, 200)
    assert {key: numbers[key] for key in ("images", "used", "skipped", "backgrounds", "boxes")} == {
        "images": 5,
        "used": 3,
        "skipped": 2,
        "backgrounds": 1,
        "boxes": 4,
    }
    assert numbers["classes"] == [
        {"class": 0, "name": "cat", "boxes": 1, "images": 1},
        {"class": 1, "name": "dog", "boxes": 3, "images": 2},
        {"class": 2, "name": "owl", "boxes": 0, "images": 0},
    ]
    per_image = numbers["boxes_per_image"]
    assert (per_image["min"], per_image["median"], per_image["max"]) == (0, 2, 2)
    assert per_image["mean"] == pytest.approx(4 / 3, abs=1e-4)


def test_aspect_ratios_are_in_pixels_and_leave_out_boxes_without_area() -> None:
    flat = ((50, 100), [(0, 0.5, 0.5, 0.1, 0.2), (0, 0.5, 0.5, 0.4, 0.2), (0, 0.5, 0.5, 0.3, 0.0)])
    ratio = split_numbers(scan_of(flat), NAMES, 200)["aspect_ratio"]
    assert (ratio["min"], ratio["max"]) == pytest.approx((1, 4), abs=1e-3)  # 10x10 and 40x10 pixels


def test_image_sizes_are_listed_the_most_frequent_first() -> None:
    numbers = split_numbers(scan_of(TALL, SQUARE, WIDE, WIDE), NAMES, 200)
    sizes = numbers["image_sizes"]
    assert sizes["most_frequent"][0] == {"width": 100, "height": 50, "images": 2}
    assert (sizes["different"], sizes["landscape"], sizes["portrait"], sizes["square"]) == (3, 2, 1, 1)
    assert (numbers["image_width"]["min"], numbers["image_height"]["max"]) == (50, 400)


def test_a_split_in_which_nothing_can_be_used_has_numbers_too() -> None:
    numbers = split_numbers(scan_of(skipped=3), NAMES, 640)
    assert (numbers["images"], numbers["used"], numbers["boxes"], numbers["boxes_per_image"]) == (3, 0, 0, None)


def test_histograms_of_all_splits_share_their_bins_and_lose_no_box() -> None:
    crowd = ((100, 100), [(0, 0.5, 0.5, 0.001, 0.001)] * 95)
    found = histograms({"train": scan_of(WIDE, SQUARE, TALL), "val": scan_of(crowd)}, imgsz=640)
    for histogram in found.values():
        assert {len(counts) for counts in histogram.counts.values()} == {len(histogram.edges) - 1}
    assert sum(found["boxes_per_image"].counts["train"]) == 3
    assert sum(found["box_side"].counts["val"]) == 95  # smaller than the first edge: in the first bin
    assert found["box_side"].counts["val"][0] == 95
    assert found["boxes_per_image"].counts["train"][0] == 3  # 0, 2 and 2 boxes: bins of four, since 95 must fit
    assert found["boxes_per_image"].edges[:2] == (0, 4)
    assert found["boxes_per_image"].counts["val"][95 // 4] == 1


def test_centres_fall_into_the_cell_of_their_row_and_column() -> None:
    found = centres([scan_of(WIDE), scan_of(SQUARE)], cells=10)
    expected = np.zeros((10, 10), int)
    for row, column in ((5, 5), (0, 9), (5, 5), (6, 1)):
        expected[row, column] += 1
    assert (found == expected).all()


def test_remarks_name_absent_classes_imbalance_and_narrow_boxes() -> None:
    many = ((100, 100), [(0, 0.5, 0.5, 0.5, 0.5)] * 20 + [(1, 0.5, 0.5, 0.02, 0.5)] * 2)
    splits = {
        "train": split_numbers(scan_of(many), NAMES, 320),
        "val": split_numbers(scan_of(((9, 9), [(0, 0.5, 0.5, 1, 1)])), NAMES, 320),
    }
    said = remarks(splits, 320, near_leaks=2)
    assert said == [
        "2 images are nearly the same as one in another split: metrics there partly measure memorisation.",
        "Without a box in train: owl. These classes are never seen in training.",
        "Without a box in val: dog, owl. These classes have no metrics there.",
        "In train cat has 10 times as many boxes as dog.",
        "At imgsz=320 9% of the boxes are less than 8 pixels wide or high, the stride of the finest level; "
        "a larger imgsz would show them larger.",
    ]


def test_nothing_is_remarked_of_an_even_set() -> None:
    image = ((64, 64), [(number, 0.5, 0.5, 0.5, 0.5) for number in NAMES])
    assert remarks({"train": split_numbers(scan_of(image), NAMES, 640)}, 640) == []
