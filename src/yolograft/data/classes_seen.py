"""Which classes each image shows, read from the labels alone: what a split is balanced by."""

import hashlib
import os
from collections.abc import Sequence
from multiprocessing.pool import ThreadPool

import numpy as np

from yolograft.data.converted import Arrays, Converted
from yolograft.data.labels.reader import UnreadableLabelsError
from yolograft.data.spec import DataSpec
from yolograft.upstream.images import exif_size, opened_image


def classes_seen(spec: DataSpec, images: Sequence[str]) -> list[frozenset[int]]:
    """Return the classes of each image's labels; none where image or labels cannot be read, which the scan will say.

    Args:
        spec: The data set.
        images: Its images. What is found is kept in the cache folder until one of their label files changes.
    """
    files = spec.labels.files(images)
    reader = hashlib.sha256(f"{spec.labels!r} {spec.nc}".encode("utf-8", "surrogateescape")).hexdigest()[:8]
    made = Converted(f"classes-{reader}", [*dict.fromkeys(files), *images], lambda: _scan(spec, images, files))
    ends = np.cumsum(made["counts"])
    return [frozenset(found.tolist()) for found in np.split(made["classes"], ends[:-1])] if len(ends) else []


def _scan(spec: DataSpec, images: Sequence[str], files: Sequence[str]) -> Arrays:
    def read(pair: tuple[str, str]) -> np.ndarray:
        image, file = pair
        try:
            labels = spec.labels.read(image, file, _shape(image), spec.nc, False)
        except (UnreadableLabelsError, OSError):
            return np.zeros(0, np.int64)
        return np.unique(labels.rows[:, 0]).astype(np.int64)

    with ThreadPool(min(8, os.cpu_count() or 1)) as pool:
        found = pool.map(read, zip(images, files, strict=True), chunksize=16)
    return {
        "counts": np.array([len(each) for each in found], np.int64),
        "classes": np.concatenate([np.zeros(0, np.int64), *found]),
    }


def _shape(image: str) -> tuple[int, int]:
    """Return height and width by the image's head; its pixels are not decoded."""
    try:
        with opened_image(image) as opened:
            width, height = exif_size(opened)
    except Exception as error:  # whatever its format's reader raises  # noqa: BLE001
        raise OSError(str(error)) from None
    return int(height), int(width)
