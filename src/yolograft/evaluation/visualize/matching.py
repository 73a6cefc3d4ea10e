"""Which boxes were found, which are wrong and which were missed."""

from collections.abc import Sequence
from dataclasses import dataclass

from yolograft.runs.predictions import Box

OVERLAP = 0.5
"""Least IoU of a box with the label that it has found."""


@dataclass(frozen=True)
class Matched:
    """The boxes of an image by what became of them.

    Attributes:
        right: Found, and labelled with the same class.
        wrong: Found, and not labelled so.
        missed: Labelled, and not found.
    """

    right: tuple[Box, ...]
    wrong: tuple[Box, ...]
    missed: tuple[Box, ...]


def match(found: Sequence[Box], truth: Sequence[Box]) -> Matched:
    """Match found boxes with labels: the surest first, each with the free label of its class that it covers best.

    Args:
        found: What a detector has found.
        truth: The labels.
    """
    free = list(truth)
    right, wrong = [], []
    for box in sorted(found, key=lambda each: -(each.confidence or 0.0)):
        same = [label for label in free if label.label == box.label]
        best = max(same, key=lambda label: _iou(box, label), default=None)
        if best is not None and _iou(box, best) >= OVERLAP:
            free.remove(best)
            right.append(box)
        else:
            wrong.append(box)
    return Matched(tuple(right), tuple(wrong), tuple(free))


def _iou(one: Box, other: Box) -> float:
    left, top = max(one.corners[0], other.corners[0]), max(one.corners[1], other.corners[1])
    right, bottom = min(one.corners[2], other.corners[2]), min(one.corners[3], other.corners[3])
    common = max(right - left, 0.0) * max(bottom - top, 0.0)
    whole = _area(one) + _area(other) - common
    return common / whole if whole > 0 else 0.0


def _area(box: Box) -> float:
    left, top, right, bottom = box.corners
    return max(right - left, 0.0) * max(bottom - top, 0.0)
