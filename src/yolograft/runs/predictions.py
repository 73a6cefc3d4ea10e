"""What a run found in a few validation images, as it kept it at its end."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from yolograft.common.files import read_text
from yolograft.common.parsing import parse_json
from yolograft.common.typed import number, share, whole, written

T = TypeVar("T")

PREDICTIONS = "predictions.json"

_MAX_FILE = 32 * 2**20
"""Bytes of a file that are read: the counts of 4,000 classes."""
_MOST_IMAGES, _MOST_BOXES = 100, 1000
"""Images, and boxes of one, that are taken from a file; a run keeps a dozen images and 100 found boxes of each."""
_LONGEST_NAME = 200
"""Letters of a class name that are shown."""


@dataclass(frozen=True)
class Found:
    """A box.

    Attributes:
        label: Number of its class.
        corners: Left, top, right, bottom as shares of the image, 0…1.
        confidence: 0…1; None for a box of the labels.
    """

    label: int
    corners: tuple[float, float, float, float]
    confidence: float | None = None


@dataclass(frozen=True)
class Image:
    """A validation image.

    Attributes:
        file: Where it was when the run ended.
        labelled: The boxes of its labels.
        found: The boxes that the run's best weights find.
    """

    file: str
    labelled: tuple[Found, ...]
    found: tuple[Found, ...]


@dataclass(frozen=True)
class Predictions:
    """What a run kept.

    Attributes:
        names: Class names.
        images: The images, the same for every run on one data set.
        confidence: Boxes below it were left out.
        confusion: How many objects of a class (column) were found as a class (row); the last of both is background.
            Empty where unknown.
    """

    names: tuple[str, ...]
    images: tuple[Image, ...]
    confidence: float
    confusion: tuple[tuple[float, ...], ...] = ()


def read_predictions(folder: Path) -> Predictions | None:
    """Reads a run's `predictions.json`; None where there is none that can be read and is sound."""
    try:
        content = parse_json(read_text(folder / PREDICTIONS, _MAX_FILE))
        names = tuple(written(name, _LONGEST_NAME) for name in content["names"])
        images = tuple(_image(one, len(names)) for one in content["images"][:_MOST_IMAGES])
        confidence = _known(share(content["confidence"]))
        confusion = tuple(tuple(_known(number(count)) for count in row) for row in content["confusion"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    square = len(confusion) == len(names) + 1 and all(len(row) == len(confusion) for row in confusion)
    return Predictions(names, images, confidence, confusion if square else ())


def _image(one: Any, classes: int) -> Image:
    file, labelled, found = one["file"], one["labelled"], one["found"]
    if not isinstance(file, str) or "\0" in file:
        raise TypeError
    return Image(file, _boxes(labelled, classes), _boxes(found, classes))


def _boxes(rows: Any, classes: int) -> tuple[Found, ...]:
    """Boxes from `[class, left, top, right, bottom]`, and the confidence where they were found."""
    boxes = []
    for label, left, top, right, bottom, *confidence in rows[:_MOST_BOXES]:
        corners = (_known(share(left)), _known(share(top)), _known(share(right)), _known(share(bottom)))
        known = _known(share(confidence[0])) if confidence else None
        boxes.append(Found(_known(whole(label, 0, classes - 1)), corners, known))
    return tuple(boxes)


def _known(value: T | None) -> T:
    if value is None:
        raise ValueError
    return value
