"""The numbers of a data set, as one document that JSON, the table and the page are made from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yolograft.data.checks import KINDS, kinds
from yolograft.data.inspect.reading import Reading
from yolograft.data.scan import Scan

#: COCO's limits: areas in pixels below which a box is small, and medium.
SMALL, MEDIUM = 32**2, 96**2

#: Stride of the finest level, P3, in pixels: what is narrower falls between its cells.
FINEST = 8

#: Different image sizes that are listed, the most frequent first.
_SIZES_LISTED = 20

_EFFECTS = {"error": "falsifies", "warning": "counted", "converted": "converted", "info": "noted"}
"""Severities as data.json called them up to version 0.1, for programs that read its `effect`."""

#: Bars of a histogram, at most.
_BARS = 30


@dataclass(frozen=True)
class Histogram:
    """Counts in the same bins for every split.

    Attributes:
        edges: Of the bins, one more than there are bins. The first and the last bin hold what lies beyond them, too.
        counts: By split, how much is in each bin.
    """

    edges: tuple[float, ...]
    counts: dict[str, tuple[int, ...]]


def describe(reading: Reading, imgsz: int) -> dict[str, Any]:
    """Return all numbers of a data set as plain containers.

    Args:
        reading: The data set as it was found.
        imgsz: Length that an image's longer side is brought to, pixels; decides on what is small.
    """
    names = reading.spec.names
    scans = {name: found for name, (_, found) in reading.splits.items()}
    splits: dict[str, Any] = {name: split_numbers(found, names, imgsz) for name, found in scans.items()}
    return {
        "dataset": reading.spec.name,
        "root": reading.spec.root,
        "form": reading.spec.form or None,
        "source": reading.spec.source or reading.spec.root,
        "held_out": dict(zip(("images", "of"), reading.spec.held_out, strict=True)) if reading.spec.held_out else None,
        "origin": reading.spec.origin({name: len(images) for name, (images, _) in reading.splits.items()}),
        "notes": [*reading.spec.notes, *reading.notes],
        "imgsz": imgsz,
        "names": {str(number): name for number, name in names.items()},
        "falsified": reading.has_errors,
        "remarks": remarks(splits, imgsz, sum(fault.kind == "near-leak" for _, fault in reading.faults)),
        "splits": splits,
        "unreadable_splits": dict(reading.errors),
        "histograms": {key: asdict(histogram) for key, histogram in histograms(scans, imgsz).items()},
        "kinds": kinds(fault for _, fault in reading.faults),
        "duplicates": _duplicates(reading),
        "faults": [
            {
                **asdict(fault),
                "severity": fault.severity,
                "effect": _EFFECTS[fault.severity],
                "meaning": KINDS[fault.kind][1],
                "split": split or None,
            }
            for split, fault in reading.faults
        ],
    }


def split_numbers(scan: Scan, names: Mapping[int, str], imgsz: int) -> dict[str, Any]:
    """Return the numbers of one split.

    Args:
        scan: What reading it found.
        names: Class names by number.
        imgsz: As for `describe`.
    """
    sides = box_sides(scan, imgsz)
    areas = sides.prod(axis=1)
    ratios = aspect_ratios(scan)
    owners = np.repeat(np.arange(scan.images), scan.counts)
    numbers = scan.rows[:, 0].astype(int)
    pictured = np.unique(np.stack([owners, numbers], axis=1), axis=0)[:, 1]  # each class once per image
    shapes = Counter((int(width), int(height)) for height, width in scan.shapes)
    return {
        "images": scan.total,
        "used": scan.images,
        "skipped": scan.skipped,
        "backgrounds": scan.backgrounds,
        "boxes": scan.boxes,
        "boxes_per_image": _spread(scan.counts),
        "sizes": {
            "small": int((areas < SMALL).sum()),
            "medium": int(((areas >= SMALL) & (areas < MEDIUM)).sum()),
            "large": int((areas >= MEDIUM).sum()),
            "below_finest_stride": int((sides.min(axis=1, initial=np.inf) < FINEST).sum()),
        },
        "box_side": _spread(np.sqrt(areas)),
        "aspect_ratio": _spread(ratios),
        "image_width": _spread(scan.shapes[:, 1]),
        "image_height": _spread(scan.shapes[:, 0]),
        "image_sizes": {
            "different": len(shapes),
            "most_frequent": [
                {"width": width, "height": height, "images": count}
                for (width, height), count in sorted(shapes.items(), key=lambda item: (-item[1], item[0]))[
                    :_SIZES_LISTED
                ]
            ],
            "landscape": sum(count for (width, height), count in shapes.items() if width > height),
            "portrait": sum(count for (width, height), count in shapes.items() if width < height),
            "square": sum(count for (width, height), count in shapes.items() if width == height),
        },
        "classes": [
            {
                "class": number,
                "name": name,
                "boxes": int((numbers == number).sum()),
                "images": int((pictured == number).sum()),
            }
            for number, name in names.items()
        ],
    }


def box_sides(scan: Scan, imgsz: int) -> np.ndarray:
    """Return float [boxes, 2]: width and height of each box in pixels, the image's longer side brought to `imgsz`."""
    scaled = scan.shapes[:, ::-1] * (imgsz / scan.shapes.max(axis=1, keepdims=True, initial=1))
    sides = scan.rows[:, 3:5].astype(float) * np.repeat(scaled, scan.counts, axis=0)
    return np.asarray(sides.round(3))  # labels have single precision: what is meant to be 8 pixels is not 7.9999998


def aspect_ratios(scan: Scan) -> np.ndarray:
    """Return float [boxes with an area]: width over height, in pixels."""
    width, height = (scan.rows[:, 3:5] * np.repeat(scan.shapes[:, ::-1], scan.counts, axis=0)).T
    has_area = (width > 0) & (height > 0)
    return np.asarray(width[has_area] / height[has_area])


def histograms(scans: Mapping[str, Scan], imgsz: int) -> dict[str, Histogram]:
    """Return the distributions of the page: `boxes_per_image`, `box_side` (pixels at `imgsz`) and `aspect_ratio`."""
    most = max((int(scan.counts.max(initial=0)) for scan in scans.values()), default=0)
    step = most // _BARS + 1
    per_image = np.arange(0, most + step + 1, step)
    # a quarter of an octave a bar: 4, 4.8, 5.7, 6.7, 8, … pixels up to the whole image, and ratios from 1:8 to 8:1
    side = 2.0 ** np.arange(2, np.log2(imgsz) + 0.25, 0.25)
    ratio = 2.0 ** np.arange(-3, 3.125, 0.25)
    return {
        "boxes_per_image": _histogram(per_image, {name: scan.counts for name, scan in scans.items()}),
        "box_side": _histogram(
            side, {name: np.sqrt(box_sides(scan, imgsz).prod(axis=1)) for name, scan in scans.items()}
        ),
        "aspect_ratio": _histogram(ratio, {name: aspect_ratios(scan) for name, scan in scans.items()}),
    }


def centres(scans: Sequence[Scan], cells: int = 32) -> np.ndarray:
    """Return int [cells, cells]: how many boxes have their centre in each cell of the image, rows from the top."""
    rows = np.concatenate([np.zeros((0, 5), np.float32), *(scan.rows for scan in scans)])
    places = np.clip((rows[:, 1:3] * cells).astype(int), 0, cells - 1)
    found = np.zeros((cells, cells), int)
    np.add.at(found, (places[:, 1], places[:, 0]), 1)
    return found


def remarks(splits: Mapping[str, Mapping[str, Any]], imgsz: int, near_leaks: int = 0) -> list[str]:
    """Return what a person should know before training, in sentences.

    Args:
        splits: `split_numbers` of each split.
        imgsz: As for `describe`.
        near_leaks: Images that are nearly the same as one in another split.
    """
    said = []
    if near_leaks:
        images = "1 image is" if near_leaks == 1 else f"{near_leaks} images are"
        said.append(f"{images} nearly the same as one in another split: metrics there partly measure memorisation.")
    for name, split in splits.items():
        absent = [kind["name"] for kind in split["classes"] if not kind["boxes"]]
        if absent and split["boxes"]:
            shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
            what = "are never seen in training" if name == "train" else "have no metrics there"
            said.append(f"Without a box in {name}: {shown}. These classes {what}.")
    present = [kind for kind in splits.get("train", {}).get("classes", []) if kind["boxes"]]
    if present:
        most, least = max(present, key=lambda kind: kind["boxes"]), min(present, key=lambda kind: kind["boxes"])
        if most["boxes"] >= 10 * least["boxes"]:
            times = most["boxes"] // least["boxes"]
            said.append(f"In train {most['name']} has {times} times as many boxes as {least['name']}.")
    boxes = sum(split["boxes"] for split in splits.values())
    narrow = sum(split["sizes"]["below_finest_stride"] for split in splits.values())
    if boxes and narrow >= 0.05 * boxes:
        said.append(
            f"At imgsz={imgsz} {narrow / boxes:.0%} of the boxes are less than {FINEST} pixels wide or high, "
            "the stride of the finest level; a larger imgsz would show them larger."
        )
    return said


def _duplicates(reading: Reading) -> dict[str, Any]:
    """Count the images that repeat others."""
    found = Counter((split, fault.kind) for split, fault in reading.faults)
    return {
        "within": {name: found[name, "duplicate-image"] for name in reading.splits},
        "across": {"same": found["", "leak"], "nearly_the_same": found["", "near-leak"]},
    }


def _histogram(edges: np.ndarray, values: Mapping[str, np.ndarray]) -> Histogram:
    inside = {name: np.clip(found, edges[0], edges[-1]) for name, found in values.items()}
    counts = {name: tuple(np.histogram(found, edges)[0].tolist()) for name, found in inside.items()}
    return Histogram(tuple(float(edge) for edge in edges), counts)


def _spread(values: np.ndarray) -> dict[str, float] | None:
    """Return least, 5 %, median, mean, 95 % and greatest; None where there are no values."""
    if not len(values):
        return None
    low, middle, high = np.percentile(values, [5, 50, 95])
    numbers = {"min": values.min(), "p5": low, "median": middle, "mean": values.mean(), "p95": high}
    return {key: round(float(value), 4) for key, value in {**numbers, "max": values.max()}.items()}
