"""Validation images with the boxes of several variants side by side, least agreement first."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean

import numpy as np

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row
from yolograft.runs.predictions import Box, Predictions, read_predictions

VARIANTS, IMAGES = 5, 6
"""Variants side by side, and images under each other, at most."""

_IOU = 0.5

Shown = tuple[Row, tuple[Predictions, ...]]
"""A variant with the predictions of its finished runs, by seed and fold."""


@dataclass(frozen=True)
class Sample:
    """A validation image as some variants see it.

    Attributes:
        file: The image.
        labelled: The boxes of its labels.
        found: By variant (its label) the boxes that it finds.
        agreement: Mean over pairs of variants, 0…1 (see `agreement`); of a single variant with the labels.
    """

    file: Path
    labelled: tuple[Box, ...]
    found: dict[str, tuple[Box, ...]]
    agreement: float


@dataclass(frozen=True)
class Samples:
    """What the page shows of the images.

    Attributes:
        names: Class names.
        variants: Labels of the variants side by side, the baseline first, then the best.
        images: The images, the least agreed on first.
        gone: Files that no longer exist.
        confidence: Boxes below it are not shown.
    """

    names: tuple[str, ...]
    variants: tuple[str, ...]
    images: tuple[Sample, ...]
    gone: tuple[str, ...]
    confidence: float


def saved(comparison: Comparison, most: int = VARIANTS + 1) -> list[Shown]:
    """Read the predictions of the best baseline and of the best variants, the baseline first."""
    baseline = next((row for row in comparison.rows if row.baseline), None)
    shown: list[Shown] = []
    for row in sorted(comparison.rows, key=lambda row: row is not baseline):  # the rest stay in their order
        kept = [read_predictions(run.path) for run in row.variant.finished]
        if found := tuple(one for one in kept if one):
            shown.append((row, found))
        if len(shown) == most:
            break
    return shown


def compare_images(shown: Sequence[Shown]) -> Samples | None:
    """Put the variants' boxes in the same images side by side; None where no two variants have an image in common.

    Args:
        shown: The variants with the predictions of their runs. Of several seeds the first one is shown.
    """
    if not shown:
        return None
    names = shown[0][1][0].names
    by_variant = {
        row.variant.label: {image.file: image for one in reversed(kept) if one.names == names for image in one.images}
        for row, kept in shown[:VARIANTS]
    }
    samples, gone = [], []
    for file in dict.fromkeys(file for images in by_variant.values() for file in images):
        seen = {label: images[file] for label, images in by_variant.items() if file in images}
        if len(seen) < min(2, len(by_variant)):
            continue
        if not os.path.isfile(file):  # noqa: PTH113 (Path raises for a name that no file system takes)
            gone.append(file)
            continue
        found = {label: image.found for label, image in seen.items()}
        labelled = next(iter(seen.values())).labelled
        pairs = list(combinations(found.values(), 2)) or [(labelled, next(iter(found.values())))]
        samples.append(Sample(Path(file), labelled, found, fmean(agreement(a, b) for a, b in pairs)))
    if not samples and not gone:
        return None
    samples.sort(key=lambda sample: (sample.agreement, sample.file.name))
    confidence = shown[0][1][0].confidence
    return Samples(names, tuple(by_variant), tuple(samples[:IMAGES]), tuple(gone), confidence)


def agreement(first: Sequence[Box], second: Sequence[Box]) -> float:
    """Return the share of the boxes of two sets that have a counterpart in the other: same class, IoU of 0.5 or more.

    Each box has at most one counterpart; the closest pairs come first. Two empty sets agree.
    """
    if not first and not second:
        return 1.0
    if not first or not second:
        return 0.0
    overlap = _iou(np.array([box.corners for box in first]), np.array([box.corners for box in second]))
    same = np.array([box.label for box in first])[:, None] == np.array([box.label for box in second])
    overlap = np.where(same, overlap, 0.0)
    matched = 0
    while overlap.max() >= _IOU:
        row, column = np.unravel_index(overlap.argmax(), overlap.shape)
        overlap[row, :] = overlap[:, column] = 0.0
        matched += 1
    return 2 * matched / (len(first) + len(second))


def _iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes [N, 4] and [M, 4] (corners) as [N, M]."""
    low, high = np.maximum(first[:, None, :2], second[:, :2]), np.minimum(first[:, None, 2:], second[:, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return np.asarray(both / np.maximum(areas[0][:, None] + areas[1] - both, 1e-12))
