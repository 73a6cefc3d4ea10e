"""predictions.json: what a run's best weights find in a few validation images, and what they take for what."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from yolograft.common.files import atomic_write, read_text
from yolograft.common.parsing import parse_json
from yolograft.common.typed import number, share, whole, written

T = TypeVar("T")

PREDICTIONS = "predictions.json"
CONFIDENCE = 0.25
"""Boxes below this confidence are left out, as ultralytics does in its own pictures."""

_MAX_FILE = 32 * 2**20
"""Bytes of a file that are read: the counts of 4,000 classes."""
_MOST_IMAGES, _MOST_BOXES = 100, 1000
"""Images, and boxes of one, that are taken from a file; a run keeps a dozen images and 100 found boxes of each."""
_LONGEST_NAME = 200
"""Letters of a class name that are shown."""
_DIGITS = 4
"""Digits after the point: a ten-thousandth of an image's side."""


@dataclass(frozen=True)
class Box:
    """A box in an image.

    Attributes:
        label: Number of its class.
        corners: Left, top, right, bottom as shares of the image, 0…1.
        confidence: How sure the detector is, 0…1; None for a box of the labels.
    """

    label: int
    corners: tuple[float, float, float, float]
    confidence: float | None = None


@dataclass(frozen=True)
class PredictedImage:
    """A validation image.

    Attributes:
        file: Where it was when the run ended.
        labelled: The boxes of its labels.
        found: The boxes that the run's best weights find.
    """

    file: str
    labelled: tuple[Box, ...]
    found: tuple[Box, ...]


@dataclass(frozen=True)
class Predictions:
    """What a run keeps.

    Attributes:
        names: Class names.
        images: The images, the same for every run on one data set.
        confidence: Boxes below it were left out.
        confusion: How many objects of a class (column) were found as a class (row); the last of both is background.
            Empty where unknown.
    """

    names: tuple[str, ...]
    images: tuple[PredictedImage, ...]
    confidence: float
    confusion: tuple[tuple[float, ...], ...] = ()


def write_predictions(folder: Path, kept: Predictions) -> None:
    """Write a run's `predictions.json`; a box is a row of class, left, top, right, bottom and (if found) confidence.

    Args:
        folder: The run's folder.
        kept: What is written.

    Raises:
        OSError: The file cannot be written.
    """
    images = [
        {"file": one.file, "labelled": list(map(_row, one.labelled)), "found": list(map(_row, one.found))}
        for one in kept.images
    ]
    content = {
        "names": kept.names,
        "confidence": kept.confidence,
        "confusion": kept.confusion,
        "images": images,
    }
    atomic_write(folder / PREDICTIONS, json.dumps(content, separators=(",", ":")).encode())


def read_predictions(folder: Path) -> Predictions | None:
    """Read a run's `predictions.json`; None where there is none that can be read and is sound.

    Args:
        folder: The run's folder.
    """
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


def _row(box: Box) -> list[float]:
    values = (*box.corners, *([] if box.confidence is None else [box.confidence]))
    return [box.label, *(round(value, _DIGITS) for value in values)]


def _image(one: Any, classes: int) -> PredictedImage:
    file, labelled, found = one["file"], one["labelled"], one["found"]
    if not isinstance(file, str) or "\0" in file:
        raise TypeError
    return PredictedImage(file, _boxes(labelled, classes), _boxes(found, classes))


def _boxes(rows: Any, classes: int) -> tuple[Box, ...]:
    boxes = []
    for label, left, top, right, bottom, *confidence in rows[:_MOST_BOXES]:
        corners = (_known(share(left)), _known(share(top)), _known(share(right)), _known(share(bottom)))
        known = _known(share(confidence[0])) if confidence else None
        boxes.append(Box(_known(whole(label, 0, classes - 1)), corners, known))
    return tuple(boxes)


def _known(value: T | None) -> T:
    if value is None:
        raise ValueError
    return value
