"""What a run found in a few validation images, as it kept it at its end."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PREDICTIONS = "predictions.json"


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
    """Reads a run's `predictions.json`; None where there is none that can be read."""
    try:
        content = json.loads((folder / PREDICTIONS).read_text(encoding="utf-8"))
        names = tuple(str(name) for name in content["names"])
        confusion = tuple(tuple(float(count) for count in row) for row in content["confusion"])
        images = tuple(
            Image(str(one["file"]), _boxes(one["labelled"]), _boxes(one["found"])) for one in content["images"]
        )
        confidence = float(content["confidence"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    square = len(confusion) == len(names) + 1 and all(len(row) == len(confusion) for row in confusion)
    finite = all(math.isfinite(count) for row in confusion for count in row)
    return Predictions(names, images, confidence, confusion if square and finite else ())


def _boxes(rows: Sequence[Sequence[Any]]) -> tuple[Found, ...]:
    """Boxes from `[class, left, top, right, bottom]`, and the confidence where they were found."""
    boxes = []
    for label, left, top, right, bottom, *confidence in rows:
        corners = (float(left), float(top), float(right), float(bottom))
        boxes.append(Found(int(label), corners, float(confidence[0]) if confidence else None))
    return tuple(boxes)
