"""Looking at an image file as ultralytics' loader will see it, without touching the file.

The file may be a stranger's: it is opened only if it is a regular one, and decoded only if its header says that its
pixels fit the memory.
"""

import contextlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from ultralytics.data.utils import IMG_FORMATS, exif_size
from ultralytics.utils.patches import _image_open, imread

from yolograft.common.files import open_regular
from yolograft.upstream import MAX_PIXELS

__all__ = [
    "IMG_FORMATS",
    "MAX_PIXELS",
    "THUMBNAIL",
    "ImageFacts",
    "UnreadableImageError",
    "ValueRange",
    "exif_size",
    "inspect_image",
    "opened_image",
    "read_image",
]

#: Lowest and highest value of images of more than 8 bits, which become 0 and 255.
ValueRange = tuple[float, float]

#: Bytes of the largest image file: MAX_PIXELS of three channels of 16 bits, not compressed.
MAX_BYTES = 6 * MAX_PIXELS

#: Pages of a TIFF; OpenCV decodes them all, though the first is the image.
MAX_PAGES = 1000

#: An image of more than 8 bits that is loaded with no value above this has lost most of what it shows.
DIM = 63

# Between half of its limit and the limit Pillow only warns.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)

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


_REDUCED = "16 bits per channel; reduced to 8"


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


def inspect_image(path: str, value_range: ValueRange | None = None) -> ImageFacts:
    """Decode an image to its end.

    Ultralytics' own `check_image` decodes only JPEGs that do not end as they should, and then writes what it decoded
    over the user's file.

    Args:
        path: the image.
        value_range: as for `read_image`.

    Raises:
        UnreadableImageError: no regular file, empty, not an image, cut off, less than 10 pixels wide or high, of more
            than MAX_PIXELS, or of another format.
    """
    with _one_reason(), opened_image(path) as image:
        notes = _notes(path, image)
        width, height = exif_size(image)
        if image.format in (
            "JPEG",
            "MPO",
        ):  # decoding at 1/8 size still reads the whole file, in a fraction of the time
            image.draft(None, (image.width // 8, image.height // 8))
            image.load()
            small = _thumbnail(np.asarray(image.convert("L")))
        else:  # JPEGs are decoded by the same library in both; of the others OpenCV reads fewer kinds
            image.load()
            decoded = read_image(path, value_range)
            if decoded is None:
                raise UnreadableImageError(
                    f"the image does not decode: OpenCV cannot read this kind of {str(image.format).lower()}"
                )
            height, width = decoded.shape[:2]
            small = _thumbnail(_grey(decoded))
            if (deep := ("16-bit", _REDUCED) in notes) or decoded.dtype != np.uint8:
                dim = _dim(path, decoded)
                notes = tuple(note for note in notes if not (dim and deep and note[0] == "16-bit")) + dim
    if min(height, width) < 10:
        raise UnreadableImageError(f"the image is {width}x{height} pixels; ultralytics uses none below 10x10")
    return ImageFacts((height, width), small, notes)


@contextlib.contextmanager
def opened_image(path: str) -> Iterator[Image.Image]:
    """Open an image whose pixels can be decoded without harm; nothing of them has been read yet.

    Args:
        path: the image.

    Raises:
        UnreadableImageError: it is empty, too large, or of a format that ultralytics does not read.
        OSError: it cannot be opened, or is no regular file.
        PIL.UnidentifiedImageError: it is not an image.
        Exception: what Pillow raises for a header that it does not understand.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size == 0:
            raise UnreadableImageError("the image is empty (0 bytes)")
        if size > MAX_BYTES:
            raise UnreadableImageError(f"the image file is larger than {MAX_BYTES / 2**20:.0f} MiB; it is not decoded")
        try:
            image = _image_open(stream)  # ultralytics' own opener would install pi-heif for whatever is no image
        except UnidentifiedImageError:
            stream.seek(0)
            _read_heif(path, stream.read(12))
            stream.seek(0)
            image = _image_open(stream)
        with image:
            kind = (image.format or "").lower()
            if kind not in IMG_FORMATS | {"jpeg2000", "heif"}:
                raise UnreadableImageError(f"the image is of format {kind}, which ultralytics does not read")
            _refuse_bombs(path, image)
            yield image


def read_image(path: str, value_range: ValueRange | None = None, flags: int = cv2.IMREAD_COLOR) -> np.ndarray | None:
    """Return an image as training sees it, before it is resized: [h, w, channels], BGR; None if OpenCV cannot read it.

    Args:
        path: an image that `inspect_image` accepts: nothing is checked here.
        value_range: values of images of more than 8 bits that become 0 and 255; what lies outside is clipped. None:
            as ultralytics does, which keeps the high byte of 16 bits. Images of 8 bits stay as they are.
        flags: OpenCV's, colour or grey.
    """
    if value_range is None:
        return imread(path, flags)
    raw = imread(path, flags | cv2.IMREAD_ANYDEPTH)
    if raw is None or raw.dtype == np.uint8:
        return raw
    if flags == cv2.IMREAD_GRAYSCALE and raw.shape[2] > 1:  # TIFFs in colour come in colour
        raw = raw[..., :3].mean(axis=2, keepdims=True)
    low, high = value_range
    spread = (raw.astype(np.float32) - low) * np.float32(255 / (high - low))
    return np.clip(np.rint(np.nan_to_num(spread)), 0, 255).astype(np.uint8)


@contextlib.contextmanager
def _one_reason() -> Iterator[None]:
    """Turn what opening and decoding an image may raise into an UnreadableImageError."""
    try:
        yield
    except UnreadableImageError:
        raise
    except UnidentifiedImageError:
        raise UnreadableImageError("not an image, whatever its suffix says") from None
    except FileNotFoundError:
        raise UnreadableImageError("the image does not exist", "missing-image") from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(_TOO_LARGE) from None
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise UnreadableImageError(f"the image does not decode: {reason}") from None
    except Exception as error:  # decoders raise what they like: SyntaxError, ValueError, struct.error, MemoryError, …  # noqa: BLE001
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImageError(f"the image does not decode: {reason}") from None


_TOO_LARGE = f"the image has more than {MAX_PIXELS:,} pixels; it is not decoded"


def _refuse_bombs(path: str, image: Image.Image) -> None:
    """Refuse an image whose pixels would fill the memory.

    Of files that are named .tif OpenCV decodes all pages or frames, whatever they are.
    """
    pixels = image.width * image.height
    if path.lower().endswith((".tif", ".tiff")):
        if image.format == "TIFF":
            with contextlib.suppress(EOFError):
                for page in range(1, MAX_PAGES + 1):
                    image.seek(page)
                    pixels += image.width * image.height
            if page == MAX_PAGES:
                raise UnreadableImageError(f"the image has more than {MAX_PAGES} pages; it is not decoded")
            image.seek(0)
        else:
            pixels *= getattr(image, "n_frames", 1)
    if pixels > MAX_PIXELS:
        raise UnreadableImageError(_TOO_LARGE)


def _read_heif(path: str, start: bytes) -> None:
    """Make Pillow read HEIC, if that is what it could not identify."""
    brands = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
    if path.lower().endswith((".heic", ".heif")) or (start[4:8] == b"ftyp" and start[8:12] in brands):
        try:
            from pi_heif import register_heif_opener  # type: ignore[import-not-found]
        except ImportError:
            raise UnreadableImageError("HEIC images are read with pi-heif: pip install pi-heif") from None
        register_heif_opener()


def _dim(path: str, decoded: np.ndarray) -> tuple[tuple[str, str], ...]:
    """Return what an image of more than 8 bits loses if hardly anything is left of it in 8 bits."""
    if not (brightest := float(decoded.max())) <= DIM:
        return ()
    raw = imread(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if raw is None or raw.dtype != np.uint16:
        return ()
    most = float(raw.max())
    upper = 2 ** max(8, int(most).bit_length()) - 1
    message = (
        f"16 bits per channel, values {raw.min():g} to {most:g}: loaded, the brightest is {brightest:.3g} of 255; "
        f"dataset.range=[0,{upper}] spreads them over 0 to 255"
    )
    return (("range", message),)


def _grey(image: np.ndarray) -> np.ndarray:
    """Return [h, w], or [h, w, 1], of an image in any form that OpenCV decodes to."""
    if image.ndim == 2 or image.shape[2] == 1:
        return image
    return cv2.cvtColor(
        image[..., :3].astype(np.float32) if image.dtype == np.float64 else image[..., :3], cv2.COLOR_BGR2GRAY
    )


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
        notes.append(("16-bit", _REDUCED))
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
