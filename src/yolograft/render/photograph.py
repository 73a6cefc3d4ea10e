"""Small copies of images, made without what trainings need to read them."""

import warnings
from pathlib import Path

from PIL import Image, ImageOps

from yolograft.common.files import open_regular

SIDE = 420
"""Longer side of a copy, pixels."""
_MOST_PIXELS = 100_000_000
"""Pixels that are decoded; the header says how many there are."""


def read_photograph(file: Path) -> Image.Image | None:
    """Return a small upright RGB copy of an image; None where it cannot be read, is no regular file or is too large."""
    try:
        with warnings.catch_warnings(), open_regular(file) as stream:
            warnings.simplefilter("ignore")  # of Pillow's own, lower limit, and of what is odd in the file
            with Image.open(stream) as opened:
                opened.draft("RGB", (SIDE, SIDE))
                if opened.width * opened.height > _MOST_PIXELS:
                    return None
                image = ImageOps.exif_transpose(opened)
                if image.mode.startswith("I"):  # 16 bits
                    image = image.point(lambda value: value / 256).convert("L")
                image = image.convert("RGB")
    except Exception:  # decoders raise what they like: OSError, SyntaxError, ValueError, struct.error, ImportError, …  # noqa: BLE001
        return None
    image.thumbnail((SIDE, SIDE))
    return image
