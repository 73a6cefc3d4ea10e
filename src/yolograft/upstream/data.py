"""ultralytics' detection dataset, but it never rewrites images, writes beside them or depends on earlier samples.

Image loading, augmentation and the reading of labels stay ultralytics'; `tests/upstream/test_data.py` holds this file
to what it relies on.
"""

import contextlib
import math
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType
from typing import Any, Protocol

import cv2
import numpy as np
from ultralytics.cfg import DEFAULT_CFG_DICT
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import get_hash, img2label_paths, verify_image_label
from ultralytics.utils import ASSETS_URL, ROOT, YAML, IterableSimpleNamespace
from ultralytics.utils.downloads import safe_download

from yolograft.upstream.images import ValueRange, read_image
from yolograft.upstream.transforms import hasten

__all__ = [
    "ASSETS_URL",
    "DecodedImages",
    "LoadedImage",
    "RefusedLabelsError",
    "UpstreamDataset",
    "content_hash",
    "full_hyp",
    "img2label_paths",
    "read_label_file",
    "recipe",
    "run_recipe",
]


class RefusedLabelsError(Exception):
    """A label file that ultralytics refuses; the message is ultralytics' own reason."""


# Ultralytics' own reader of labels, bound to a look at the image that does nothing: `inspect_image` has done that, and
# `check_image`, which it would call, rewrites the user's JPEGs. A copy of the function, so that nothing is patched.
_read_labels = FunctionType(
    verify_image_label.__code__,
    {**verify_image_label.__globals__, "check_image": lambda path: ("", (0, 0))},
    "read_labels",
)


def read_label_file(
    label: str, nc: int, single_cls: bool = False, keypoints: tuple[int, int] = (0, 0)
) -> tuple[np.ndarray, list[np.ndarray], int]:
    """Read a label file with ultralytics' own reader.

    Args:
        label: the file; an empty string or a file that does not exist means that nothing is labelled.
        nc: number of classes.
        single_cls: class numbers do not matter.
        keypoints: how many key points follow the box in a row, and their numbers each; they are left out.

    Returns:
        float32 [n, 5]: class, then centre x, centre y, width, height in fractions of the image; polygons, float32
        [points, 2] each, in fractions, none where the labels are boxes; and how many rows were dropped because an equal
        one was kept.

    Raises:
        RefusedLabelsError: where ultralytics would leave the image out because of its labels.
    """
    with np.errstate(over="ignore"):  # a number beyond float32 is refused like any other outside the image
        found, rows, _, segments, _, _, _, _, _, message = _read_labels(
            ("", label, "", False, nc, *keypoints, single_cls)
        )
    if found is None:
        raise RefusedLabelsError(str(message).partition("ignoring corrupt image/label: ")[2] or str(message))
    duplicates = re.search(r"(\d+) duplicate labels removed", message)
    return rows, list(segments), int(duplicates[1]) if duplicates else 0


def content_hash(files: Iterable[str]) -> str:
    """Return a hash that changes with the names, sizes and modification times of the files."""
    return str(get_hash([str(file) for file in files]))


def full_hyp(hyp: Any) -> IterableSimpleNamespace:
    """Complete a namespace of augmentation values with ultralytics' defaults.

    Args:
        hyp: any object with ultralytics' names as attributes (`hsv_h`, `mosaic`, `fliplr`, …); what it lacks keeps
            ultralytics' default.
    """
    # `deterministic` only switches a warning on, about an effect that `UpstreamDataset.load_image` does not have
    return IterableSimpleNamespace(**{**DEFAULT_CFG_DICT, **vars(hyp), "deterministic": False})


#: What `load_image` returns: the image [h, w, channels] (uint8, BGR), its original (h, w) and its resized (h, w).
LoadedImage = tuple[np.ndarray, tuple[int, int], tuple[int, int]]


class DecodedImages(Protocol):
    """Images that were decoded before."""

    def get(self, file: str, imgsz: int, channels: int) -> LoadedImage | None:
        """Return what `UpstreamDataset.load_image` would for the file, in memory of the caller's own, or None."""


class _NoFile:
    """Stands where ultralytics looks for a `.npy` file beside an image: what lies there is the user's."""

    def exists(self) -> bool:
        return False


class UpstreamDataset(YOLODataset):
    """YOLODataset whose samples depend on the random state alone, and which writes nothing beside the images.

    - Mosaic chooses among all images. Stock does so with `cache="ram"` only; else it chooses among the images that this
      worker happened to load last, so that results depend on the number of workers.
    - An image kept in memory is handed out as a copy: stock's colour augmentation writes into the array it is given.
    - Decoded images come from `image_cache`. Stock's own caches are off: they fill each process's memory, or lie beside
      the user's images, where a `.npy` file that cannot be used is deleted.

    Attributes:
        image_cache: images decoded before; what it does not hold is read from its file.
        value_range: values of images of more than 8 bits that become 0 and 255; None: as stock has it.
    """

    cache: str | None
    im_files: list[str]
    image_cache: DecodedImages | None = None
    value_range: ValueRange | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take what YOLODataset takes; `cache` has no effect."""
        super().__init__(*args, **{**options, "cache": None})
        self.npy_files = [_NoFile()] * self.ni

    def build_transforms(self, hyp: IterableSimpleNamespace) -> Any:
        """Build stock's transforms, with mosaic choosing among all images."""
        cache, self.cache = self.cache, "ram"  # what Mosaic asks, once, when it is built
        try:
            return hasten(super().build_transforms(hyp))
        finally:
            self.cache = cache

    def load_image(self, i: int, *args: Any, **kwargs: Any) -> LoadedImage:
        """Load image i; the array is the caller's to write into.

        Args:
            i: index of the image.
            args: another way of resizing than the usual, `rect_mode` and `resize_short`; then the file is read.
            kwargs: the same by name.

        Returns:
            The image [h, w, channels] (uint8, BGR), its original (h, w) and its resized (h, w).
        """
        if self.image_cache is not None and not args and not kwargs:
            cached = self.image_cache.get(self.im_files[i], self.imgsz, self.channels)
            if cached is not None:
                return cached
        if self.value_range is not None and not args and not kwargs:
            return self._load_spread(i)
        image, original, resized = super().load_image(i, *args, **kwargs)
        return (image if self.ims[i] is None else image.copy()), original, resized

    def _load_spread(self, i: int) -> LoadedImage:
        """Load image i as stock does, but for the values of images of more than 8 bits."""
        image = read_image(self.im_files[i], self.value_range, self.cv2_flag)
        if image is None:
            raise FileNotFoundError(f"Image Not Found {self.im_files[i]}")
        height, width = image.shape[:2]
        ratio = self.imgsz / max(height, width)
        if ratio != 1:
            size = (min(math.ceil(width * ratio), self.imgsz), min(math.ceil(height * ratio), self.imgsz))
            image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        if image.ndim == 2:
            image = image[..., None]
        return image, (height, width), image.shape[:2]


def recipe(name: str) -> dict[str, Any]:
    """Return ultralytics' own description of a public data set, e.g. `coco8`, as its YAML file has it.

    Raises:
        FileNotFoundError: the installed ultralytics has no such file. Its `download` may be code, so no other file's
            description is taken, whatever the name says (`../../mine`).
    """
    for file in (ROOT / "cfg" / "datasets").glob("*.yaml"):
        if file.stem == name:
            return dict(YAML.load(file))
    raise FileNotFoundError(f"ultralytics has no data set {name}")


def run_recipe(data: dict[str, Any], folder: Path) -> None:
    """Download a data set as ultralytics' description of it says.

    Args:
        data: the description; its `download` is the address of an archive or Python code of ultralytics' own.
        folder: the data set's folder, to be made; archives that hold one top folder are unpacked beside it.

    Raises:
        Exception: whatever the download or the recipe's code raises.
    """
    download = str(data["download"])
    offline = os.environ.pop("YOLO_OFFLINE", None)  # else ultralytics gives up at the first hiccup
    try:
        with contextlib.redirect_stdout(sys.stderr):  # progress bars; a command's standard output is its answer
            if download.startswith("http"):
                safe_download(download, dir=folder.parent, delete=True)
            else:
                exec(download, {"yaml": {**data, "path": folder}})  # the installed package's own code  # noqa: S102
    finally:
        if offline is not None:
            os.environ["YOLO_OFFLINE"] = offline
