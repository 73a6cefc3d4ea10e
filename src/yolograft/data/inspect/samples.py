"""Pictures of a data set: which to show, and small copies of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from yolograft.data.checks import Fault
from yolograft.data.duplicates import similar
from yolograft.data.inspect.reading import Reading
from yolograft.data.scan import Scan
from yolograft.upstream.images import ValueRange, opened_image, read_image

#: Samples, pairs of like images and faulty images that are shown.
SAMPLES, PAIRS, FAULTY = 12, 8, 12

#: Longer side of a sample, and of the smaller pictures, pixels.
SAMPLE_SIDE, SMALL_SIDE = 480, 280

#: Images among which samples are chosen; all of a very large set need not be looked at for a dozen.
_POOL = 2000


@dataclass(frozen=True)
class Box:
    """A box in a picture.

    Attributes:
        cls: Class number.
        left: Left edge, pixels of the picture.
        top: Top edge.
        width: Pixels.
        height: Pixels.
    """

    cls: int
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Picture:
    """A small copy of an image.

    Attributes:
        file: The image.
        split: That it is in.
        pixels: Uint8 [h, w, 3], BGR, upright.
        boxes: What is labelled in it.
    """

    file: str
    split: str
    pixels: np.ndarray
    boxes: tuple[Box, ...] = ()

    @property
    def jpeg(self) -> bytes:
        """The picture without its boxes."""
        return bytes(cv2.imencode(".jpg", self.pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())

    @property
    def classes(self) -> dict[int, int]:
        """Boxes by class number."""
        numbers = [box.cls for box in self.boxes]
        return {number: numbers.count(number) for number in sorted(set(numbers))}


@dataclass(frozen=True)
class Pair:
    """Two images that are (nearly) the same.

    Attributes:
        fault: What was said of the second.
        alike: Correlation of their thumbnails.
        first: The one that the fault names for comparison.
        second: The one that the fault is about.
    """

    fault: Fault
    alike: float
    first: Picture
    second: Picture


def samples(reading: Reading) -> list[Picture]:
    """Return a dozen labelled images, the same ones every time: of every split, showing every class where they can."""
    if not reading.splits:
        return []
    each = SAMPLES // len(reading.splits)
    found = (
        small_copy(reading, split, index, SAMPLE_SIDE)
        for split, (images, scan) in reading.splits.items()
        for index in choose(images, scan, each)
    )
    return [picture for picture in found if picture]


def choose(images: Sequence[str], scan: Scan, count: int) -> list[int]:
    """Return which images of a scan to show: by the hash of their names, those first that add classes.

    Args:
        images: The split's images, as given to the scan.
        scan: What reading them found.
        count: How many, at most.
    """

    def draw(index: int) -> bytes:
        name = Path(images[scan.kept[index]]).name
        return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()

    pool = sorted(range(scan.images), key=draw)[:_POOL]
    first = np.cumsum([0, *scan.counts])
    classes = {index: set(scan.rows[first[index] : first[index + 1], 0].tolist()) for index in pool}
    chosen: list[int] = []
    shown: set[float] = set()
    while pool and len(chosen) < count:
        best = max(pool, key=lambda index: (len(classes[index] - shown), bool(classes[index])))
        pool.remove(best)
        chosen.append(best)
        shown |= classes[best]
    return chosen


def small_copy(reading: Reading, split: str, index: int, side: int) -> Picture | None:
    """Return a small copy of an image with its boxes; None where it can no longer be read.

    Args:
        reading: The data set as it was found.
        split: The image's split.
        index: Its number in the split's scan.
        side: Length that its longer side is brought to, pixels.
    """
    images, scan = reading.splits[split]
    file = images[scan.kept[index]]
    pixels = _pixels(file, side, reading.spec.range)
    if pixels is None:
        return None
    start = int(scan.counts[:index].sum())
    rows = scan.rows[start : start + scan.counts[index]].tolist()
    height, width = pixels.shape[:2]
    boxes = (
        Box(int(cls), (x - w / 2) * width, (y - h / 2) * height, w * width, h * height) for cls, x, y, w, h in rows
    )
    return Picture(file, split, pixels, tuple(boxes))


def pairs(reading: Reading) -> list[Pair]:
    """Return images that are (nearly) the same, those across splits first."""
    found: list[Pair] = []
    for kind in ("leak", "near-leak", "duplicate-image"):
        for split, fault in reading.faults:
            if fault.kind == kind and len(found) < PAIRS and (pair := _pair(reading, split, fault)):
                found.append(pair)
    return found


def _pair(reading: Reading, split: str, fault: Fault) -> Pair | None:
    """Return the images that a fault is about; None if one is not to be had."""
    own = next((s for s in reversed(reading.splits) if fault.file in reading.splits[s][0]), "")
    if not own:
        return None
    images, scan = reading.splits[own]
    here = np.flatnonzero(scan.kept == images.index(fault.file))
    if not len(here):
        return None
    index = int(here[0])
    candidates = [
        (fault.message.endswith(files[other.kept[j]]), alike, name, j)
        for name, (files, other) in reading.splits.items()
        if (name == own if split else name != own)
        for _, j, alike in similar(scan.thumbnails[[index]], other.thumbnails)
        if (name, j) != (own, index)
    ]
    if not candidates:
        return None
    _, alike, name, j = max(candidates)
    first, second = small_copy(reading, name, j, SMALL_SIDE), small_copy(reading, own, index, SMALL_SIDE)
    return Pair(fault, alike, first, second) if first and second else None


def faulty(reading: Reading) -> list[tuple[Fault, Picture]]:
    """Return images that have faults or whose labels have, one of each kind, then a second one, and so on."""
    places = _places(reading)
    left = [fault for _, fault in reading.faults if fault.file in places and "leak" not in fault.kind]
    left = [fault for fault in left if fault.kind != "duplicate-image"]
    seen: dict[str, int] = {}
    turns = []
    for fault in left:
        seen[fault.kind] = seen.get(fault.kind, 0) + 1
        turns.append((seen[fault.kind], fault))
    found: list[tuple[Fault, Picture]] = []
    for _, fault in sorted(turns, key=lambda turn: turn[0]):
        if len(found) == FAULTY:
            break
        split, number = places[fault.file]
        picture = _faulty_copy(reading, split, number)
        if picture:
            found.append((fault, picture))
    return found


def _faulty_copy(reading: Reading, split: str, number: int) -> Picture | None:
    """Return a copy of a split's image, with its boxes where it is used."""
    images, scan = reading.splits[split]
    used = np.flatnonzero(scan.kept == number)
    if len(used):
        return small_copy(reading, split, int(used[0]), SMALL_SIDE)
    pixels = _pixels(images[number], SMALL_SIDE, reading.spec.range)
    return None if pixels is None else Picture(images[number], split, pixels)


def _places(reading: Reading) -> dict[str, tuple[str, int]]:
    """Return the split and number of the image that a file is, or holds the labels of; not of files for many images."""
    places: dict[str, tuple[str, int]] = {}
    shared: set[str] = set()
    for split, (images, _) in reading.splits.items():
        for number, (image, labels) in enumerate(zip(images, reading.spec.labels.files(images), strict=True)):
            places[image] = split, number
            if labels in places:
                shared.add(labels)
            places[labels] = split, number
    return {file: place for file, place in places.items() if file and file not in shared}


def _pixels(file: str, side: int, value_range: ValueRange | None) -> np.ndarray | None:
    """Return an image as training sees it, its longer side brought to a length; None where it does not decode."""
    try:
        with opened_image(file):  # what was refused for its size is not decoded here either
            pixels = read_image(file, value_range)
    except Exception:  # decoders raise what they like  # noqa: BLE001
        return None
    if pixels is None:
        return None
    pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR) if pixels.ndim == 2 else pixels[..., :3]
    scale = side / max(pixels.shape[:2])
    size = tuple(max(1, round(length * scale)) for length in pixels.shape[1::-1])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))
