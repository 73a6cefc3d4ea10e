"""Small copies of images, made without what trainings need to read them."""

from pathlib import Path

from PIL import Image, ImageOps

SIDE = 420
"""Longer side of a copy, pixels."""


def read_photograph(file: Path) -> Image.Image | None:
    """A small upright RGB copy of an image; None where it cannot be read."""
    try:
        with Image.open(file) as opened:
            opened.draft("RGB", (SIDE, SIDE))
            image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I"):  # 16 bits
                image = image.point(lambda value: value / 256).convert("L")
            image = image.convert("RGB")
    # As decoders say it; the first, ultralytics' opener where it is loaded, which asks for a package for HEIF.
    except (ImportError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    image.thumbnail((SIDE, SIDE))
    return image
