"""Ultralytics' detection dataset without three habits: rewriting users' images, writing beside them, remembering.

Image loading, augmentation and the reading of labels stay ultralytics'; `tests/data/test_stock_data.py` holds this file
to what it relies on.
"""

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError
from ultralytics.cfg import DEFAULT_CFG_DICT
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import IMG_FORMATS, exif_size, get_hash, img2label_paths, verify_image_label
from ultralytics.utils import ASSETS_URL, ROOT, YAML, IterableSimpleNamespace
from ultralytics.utils.downloads import safe_download
from ultralytics.utils.patches import _image_open, imread

from yolograft.cache import cache_dir

__all__ = [
    "ASSETS_URL",
    "IMG_FORMATS",
    "LabelledImage",
    "StockDataset",
    "UnreadableImageError",
    "UnreadableLabelsError",
    "content_hash",
    "full_hyp",
    "image_size",
    "img2label_paths",
    "read_labelled_image",
    "recipe",
    "run_recipe",
]


class UnreadableImageError(Exception):
    """An image that cannot be trained on; the message says why, without the file's name."""


class UnreadableLabelsError(Exception):
    """A label file that ultralytics refuses; the message is ultralytics' own reason."""


@dataclass(frozen=True)
class LabelledImage:
    """One image and its labels, as ultralytics reads them.

    Attributes:
        shape: height and width in pixels, upright (EXIF orientation applied).
        rows: float32 [n, 5]: class, then centre x, centre y, width, height in fractions of the image.
        segments: polygons, float32 [points, 2] each, in fractions; empty where the labels are boxes.
        duplicates: rows that were dropped because an equal one was kept.
    """

    shape: tuple[int, int]
    rows: np.ndarray
    segments: list[np.ndarray]
    duplicates: int


def image_size(path: str) -> tuple[int, int]:
    """Decode an image to its end, without touching the file, and return its upright height and width.

    Ultralytics' own `check_image` decodes only JPEGs that do not end as they should, and then writes what it decoded
    over the user's file.

    Args:
        path: the image.

    Returns:
        Height and width in pixels, with EXIF orientation applied, as the training loader will see them.

    Raises:
        UnreadableImageError: empty, not an image, cut off, less than 10 pixels wide or high, or of another format.
    """
    try:
        if Path(path).stat().st_size == 0:
            raise UnreadableImageError("the image is empty (0 bytes)")
        # ultralytics' patched opener tries to install pi-heif whenever it meets something that is not an image
        opener = Image.open if path.lower().endswith((".heic", ".heif")) else _image_open
        with opener(path) as image:
            kind = (image.format or "").lower()
            if kind not in IMG_FORMATS | {"jpeg2000"}:
                raise UnreadableImageError(f"the image is of format {kind}, which ultralytics does not read")
            width, height = exif_size(image)
            is_jpeg = kind in {"jpeg", "mpo"}
            if is_jpeg:  # decoding at 1/8 size still reads the whole file, at a fraction of the time
                image.draft(None, (image.width // 8, image.height // 8))
            image.load()
    except UnidentifiedImageError:
        raise UnreadableImageError("not an image, whatever its suffix says") from None
    except FileNotFoundError:
        raise UnreadableImageError("the image does not exist") from None
    except UnreadableImageError:
        raise
    except Exception as error:  # decoders raise what they like: OSError, SyntaxError, ValueError, struct.error, …
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImageError(f"the image does not decode: {reason}") from None
    if not is_jpeg:  # JPEGs are decoded by the same library in both; of the others OpenCV reads fewer kinds
        decoded = imread(path)
        if decoded is None:
            raise UnreadableImageError(f"the image does not decode: OpenCV cannot read this kind of {kind}")
        height, width = decoded.shape[:2]
    if min(height, width) < 10:
        raise UnreadableImageError(f"the image is {width}x{height} pixels; ultralytics uses none below 10x10")
    return height, width


# Ultralytics' own reader of labels, bound to a look at the image that does nothing: `image_size` has done that already,
# and `check_image`, which it would call, rewrites the user's JPEGs. A copy of the function, so that nothing is patched.
_read_labels = FunctionType(
    verify_image_label.__code__,
    {**verify_image_label.__globals__, "check_image": lambda path: ("", (0, 0))},
    "read_labels",
)


def read_labelled_image(image: str, label: str, nc: int, single_cls: bool = False) -> LabelledImage:
    """Check one image and read its labels with ultralytics' own reader.

    Args:
        image: the image.
        label: its label file; an empty string or a file that does not exist means that nothing is labelled.
        nc: number of classes.
        single_cls: class numbers do not matter.

    Returns:
        The image's shape and labels.

    Raises:
        UnreadableImageError: see `image_size`.
        UnreadableLabelsError: where ultralytics would leave the image out because of its labels.
    """
    shape = image_size(image)
    found, rows, _, segments, _, _, _, _, _, message = _read_labels((image, label, "", False, nc, 0, 0, single_cls))
    if found is None:
        raise UnreadableLabelsError(str(message).partition("ignoring corrupt image/label: ")[2] or str(message))
    duplicates = re.search(r"(\d+) duplicate labels removed", message)
    return LabelledImage(shape, rows, list(segments), int(duplicates[1]) if duplicates else 0)


def content_hash(files: Iterable[str]) -> str:
    """Return a hash that changes with the names, sizes and modification times of the files."""
    return str(get_hash([str(file) for file in files]))


def full_hyp(hyp: Any) -> IterableSimpleNamespace:
    """Complete a namespace of augmentation values with ultralytics' defaults.

    Args:
        hyp: any object with ultralytics' names as attributes (`hsv_h`, `mosaic`, `fliplr`, …); what it lacks keeps
            ultralytics' default.
    """
    # `deterministic` only switches a warning on, about an effect that `StockDataset.load_image` does not have
    return IterableSimpleNamespace(**{**DEFAULT_CFG_DICT, **vars(hyp), "deterministic": False})


class StockDataset(YOLODataset):
    """YOLODataset whose samples depend on the random state alone, and which writes nothing beside the images.

    - Mosaic chooses among all images. Stock does so with `cache="ram"` only; else it chooses among the images that this
      worker happened to load last, so that results depend on the number of workers.
    - An image kept in memory is handed out as a copy: stock's colour augmentation writes into the array it is given.
    - Decoded images (`cache="disk"`) lie in YOLOGraft's cache folder; a `.npy` file beside a user's image is neither
      read nor, as stock does with one that it cannot use, deleted.
    """

    cache: str | None
    im_files: list[str]

    @property
    def npy_files(self) -> list[Path]:
        """Where decoded images are kept with `cache="disk"`."""
        return self._npy_files

    @npy_files.setter
    def npy_files(self, beside: list[Path]) -> None:
        """Take stock's choice of files, which lie beside the images, and put them into the cache folder."""
        folder = cache_dir() / "images"
        if self.im_files:
            folder.mkdir(parents=True, exist_ok=True)
        keys = (hashlib.sha256(os.fsencode(f"{file}:{self.channels}")).hexdigest()[:32] for file in self.im_files)
        self._npy_files = [folder / f"{key}.npy" for key in keys]

    def build_transforms(self, hyp: IterableSimpleNamespace) -> Any:
        """Build stock's transforms, with mosaic choosing among all images."""
        cache, self.cache = self.cache, "ram"  # what Mosaic asks, once, when it is built
        try:
            return super().build_transforms(hyp)
        finally:
            self.cache = cache

    def load_image(self, i: int, *args: Any, **kwargs: Any) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]]:
        """Load image i; see the class for why an image that stays in memory is copied.

        Returns:
            The image [h, w, channels] (uint8, BGR), its original (h, w) and its resized (h, w).
        """
        image, original, resized = super().load_image(i, *args, **kwargs)
        return (image if self.ims[i] is None else image.copy()), original, resized


def recipe(name: str) -> dict[str, Any]:
    """Return ultralytics' own description of a public data set, e.g. `coco8`, as its YAML file has it."""
    return dict(YAML.load(ROOT / "cfg" / "datasets" / f"{name}.yaml"))


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
                exec(download, {"yaml": {**data, "path": folder}})  # the installed package's own code
    finally:
        if offline is not None:
            os.environ["YOLO_OFFLINE"] = offline
