"""Looking at an image file as ultralytics' loader will see it, without touching the file."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from ultralytics.data.utils import IMG_FORMATS, exif_size
from ultralytics.utils.patches import _image_open, imread

__all__ = ["IMG_FORMATS", "THUMBNAIL", "ImageFacts", "UnreadableImageError", "exif_size", "imread", "inspect_image"]

#: Side of the grey thumbnails by which images are compared, pixels.
THUMBNAIL = 32

_EXIF_ORIENTATION = 274

# How Pillow's modes that are not plain colour reach the training.
_MODES = {
    "1": ("grey", "black and white; read as three equal channels"),
    "L": ("grey", "grey; read as three equal channels"),
    "LA": ("alpha", "has an alpha channel, which is dropped"),
    "P": ("palette", "colours from a palette; read as RGB"),
    "PA": ("alpha", "has an alpha channel, which is dropped"),
    "RGBA": ("alpha", "has an alpha channel, which is dropped"),
    "CMYK": ("cmyk", "CMYK; converted to RGB without a colour profile"),
    "YCCK": ("cmyk", "CMYK; converted to RGB without a colour profile"),
}


class UnreadableImageError(Exception):
    """An image that cannot be trained on; the message says why, without the file's name.

    Attributes:
        kind: a word for the reason, of `yolograft.data.checks.KINDS`.
    """

    def __init__(self, message: str, kind: str = "unreadable-image") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class ImageFacts:
    """What a look at an image file found.

    Attributes:
        shape: height and width in pixels, upright (EXIF orientation applied).
        thumbnail: uint8 [THUMBNAIL, THUMBNAIL], grey.
        notes: (kind, message) of what is unusual about a file that can be used.
    """

    shape: tuple[int, int]
    thumbnail: np.ndarray
    notes: tuple[tuple[str, str], ...] = ()


def inspect_image(path: str) -> ImageFacts:
    """Decode an image to its end.

    Ultralytics' own `check_image` decodes only JPEGs that do not end as they should, and then writes what it decoded
    over the user's file.

    Args:
        path: the image.

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
            notes = _notes(path, image)
            width, height = exif_size(image)
            is_jpeg = kind in {"jpeg", "mpo"}
            if is_jpeg:  # decoding at 1/8 size still reads the whole file, at a fraction of the time
                image.draft(None, (image.width // 8, image.height // 8))
            image.load()
            small = _thumbnail(np.asarray(image.convert("L"))) if is_jpeg else None
    except UnidentifiedImageError:
        raise UnreadableImageError("not an image, whatever its suffix says") from None
    except FileNotFoundError:
        raise UnreadableImageError("the image does not exist", "missing-image") from None
    except UnreadableImageError:
        raise
    except Exception as error:  # decoders raise what they like: OSError, SyntaxError, ValueError, struct.error, …
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImageError(f"the image does not decode: {reason}") from None
    if small is None:  # JPEGs are decoded by the same library in both; of the others OpenCV reads fewer kinds
        decoded = imread(path)
        if decoded is None:
            raise UnreadableImageError(f"the image does not decode: OpenCV cannot read this kind of {kind}")
        height, width = decoded.shape[:2]
        small = _thumbnail(decoded if decoded.ndim == 2 else cv2.cvtColor(decoded[..., :3], cv2.COLOR_BGR2GRAY))
    if min(height, width) < 10:
        raise UnreadableImageError(f"the image is {width}x{height} pixels; ultralytics uses none below 10x10")
    return ImageFacts((height, width), small, notes)


def _thumbnail(grey: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA), np.uint8)


def _notes(path: str, image: Image.Image) -> tuple[tuple[str, str], ...]:
    """Return what is unusual about an opened image whose pixels have not been read yet."""
    notes = []
    suffix = Path(path).suffix.lower()
    promised = Image.registered_extensions().get(suffix)
    if promised and _family(promised) != _family(image.format or ""):
        notes.append(("misnamed", f"named {suffix} but is {image.format}; read as what it is"))
    tiles = getattr(image, "tile", None)  # gone once the pixels are read, as asking for EXIF does
    raw = str(tiles[0][3]) if tiles else ""  # of a 16-bit colour PNG Pillow's mode says only RGB
    if image.mode.startswith("I") or ";16" in raw:
        notes.append(("16-bit", "16 bits per channel; reduced to 8"))
    elif image.mode in _MODES:
        notes.append(_MODES[image.mode])
    turned = (image.tag_v2 if image.format == "TIFF" else image.getexif()).get(_EXIF_ORIENTATION, 1)  # type: ignore[attr-defined]
    if turned not in (0, 1):
        notes.append(
            ("exif", f"turned upright as its EXIF orientation {turned} says; labels must be for the upright view")
        )
    return tuple(notes)


def _family(kind: str) -> str:
    return "JPEG" if kind in ("JPEG", "MPO") else kind
