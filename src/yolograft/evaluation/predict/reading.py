"""Pixels from images, videos, cameras and addresses; all of them may be a stranger's."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from yolograft.common.files import open_regular
from yolograft.common.text import plain
from yolograft.evaluation.predict.sources import VIDEOS, Source, address_name, kind_of
from yolograft.upstream.images import (
    IMG_FORMATS,
    MAX_PIXELS,
    UnreadableImageError,
    ValueRange,
    inspect_image,
    read_image,
)

MAX_FETCHED = 2**30
"""Bytes of the largest image or video that is fetched."""
_PATIENCE = (10.0, 30.0)
"""Seconds that an address may take to answer, and to send more."""
_LONGEST_FETCH = 1800.0
"""Seconds that fetching one file may take: a server could send a byte at a time for ever."""
_STREAM_PATIENCE = 10_000
"""Milliseconds that a camera in the network may take to answer."""


class UnreadableSourceError(Exception):
    """A source cannot be read; the message says why, without its name."""


@dataclass(frozen=True)
class Frame:
    """Pixels to look at.

    Attributes:
        image: [H, W, 3] uint8, blue first, as OpenCV has it.
        number: From 1 within a video, camera or stream; None of an image.
        total: Frames of the video, as far as its header says.
        rate: Frames a second, of those that are looked at.
    """

    image: np.ndarray
    number: int | None = None
    total: int | None = None
    rate: float = 30.0


def frames(source: Source, *, stride: int = 1, value_range: ValueRange | None = None) -> Generator[Frame, None, None]:
    """Yield what is to be seen in a source: an image's pixels once, the frames of all others.

    Args:
        source: What to read.
        stride: Every how many frames one is looked at.
        value_range: As for `upstream.images.read_image`.

    Raises:
        UnreadableSourceError: It does not exist, is damaged, or is no image or video.
    """
    if source.kind == "address":
        with TemporaryDirectory() as folder:
            file = str(fetch(source.place, Path(folder)))
            yield from frames(Source(kind_of(file), file, source.name), stride=stride, value_range=value_range)
    elif source.kind == "image":
        yield Frame(_image(source.place, value_range))
    else:
        yield from _moving(source, stride)


def fetch(address: str, folder: Path) -> Path:
    """Fetch an image or a video into a folder.

    Args:
        address: Of `http` or `https`.
        folder: Where the file goes, under a name whose suffix says what it is.

    Raises:
        UnreadableSourceError: It cannot be fetched, is too large, or takes too long.
    """
    import requests  # slow to import, and seldom needed

    began, size = time.monotonic(), 0
    try:
        with requests.get(address, stream=True, timeout=_PATIENCE) as response:
            if response.status_code != 200:
                raise UnreadableSourceError(f"the server answers {response.status_code}")
            suffix = _suffix(address, response.headers.get("Content-Type", ""))
            if int(response.headers.get("Content-Length") or 0) > MAX_FETCHED:
                raise UnreadableSourceError(f"is larger than {MAX_FETCHED / 2**20:g} MiB")
            file = folder / f"fetched.{suffix}"
            with file.open("wb") as stream:
                for block in response.iter_content(2**16):
                    size += len(block)
                    if size > MAX_FETCHED:
                        raise UnreadableSourceError(f"is larger than {MAX_FETCHED / 2**20:g} MiB")
                    if time.monotonic() - began > _LONGEST_FETCH:
                        raise UnreadableSourceError(f"was not fetched within {_LONGEST_FETCH:g} s")
                    stream.write(block)
    except (requests.RequestException, ValueError) as error:
        reason = "does not answer in time" if isinstance(error, requests.Timeout) else "cannot be fetched"
        detail = type(error).__name__
        raise UnreadableSourceError(f"{reason} ({detail})") from None
    return file


def _suffix(address: str, content_type: str) -> str:
    """Return a suffix by which the file is read: the address's own, or what the server says that it is."""
    own = address_name(address).rpartition(".")[2].lower()
    told = content_type.partition(";")[0].strip().lower()
    if own in VIDEOS or own in IMG_FORMATS:
        return own
    return "mp4" if told.startswith("video/") or told == "image/gif" else "jpg"


def _image(path: str, value_range: ValueRange | None) -> np.ndarray:
    try:
        inspect_image(path, value_range)
    except UnreadableImageError as error:
        raise UnreadableSourceError(plain(str(error))) from None
    pixels = read_image(path, value_range)
    if pixels is None or pixels.dtype != np.uint8 or pixels.shape[2] != 3:
        raise UnreadableSourceError("the image does not decode to three channels of 8 bits")
    return pixels


def _moving(source: Source, stride: int) -> Iterator[Frame]:
    with _opened(source) as video:
        counted = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        total = max(1, counted // stride) if source.kind == "video" and 0 < counted < 2**31 else None
        told = video.get(cv2.CAP_PROP_FPS)
        rate = (told if 0 < told < 1000 else 30.0) / stride
        number = seen = 0
        while video.grab():
            number += 1
            if (number - 1) % stride:
                continue
            fine, image = video.retrieve()
            if not fine:
                break
            seen += 1
            yield Frame(image, number, total, rate)
        if not seen:
            raise UnreadableSourceError("no frame of it can be decoded")


@contextmanager
def _opened(source: Source) -> Iterator[cv2.VideoCapture]:
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it says in many lines what one will say
    video = cv2.VideoCapture()
    try:
        if source.kind == "video":
            with open_regular(source.place) as stream:
                if not stream.read(1):
                    raise UnreadableSourceError("the video is empty (0 bytes)")
            video.open(str(Path(source.place).absolute()), cv2.CAP_FFMPEG)  # absolute: no protocol of FFmpeg's
        elif source.kind == "camera":
            video.open(int(source.place))
        else:
            video.open(source.place, cv2.CAP_FFMPEG, [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _STREAM_PATIENCE])
        if not video.isOpened():
            reason = {
                "camera": "there is no such camera, or another program uses it",
                "stream": "does not answer, or sends no video",
            }
            raise UnreadableSourceError(reason.get(source.kind, "is no video that can be decoded"))
        if video.get(cv2.CAP_PROP_FRAME_WIDTH) * video.get(cv2.CAP_PROP_FRAME_HEIGHT) > MAX_PIXELS:
            raise UnreadableSourceError(f"its frames have more than {MAX_PIXELS:,} pixels; they are not decoded")
        yield video
    except FileNotFoundError:
        raise UnreadableSourceError("the video does not exist") from None
    except OSError as error:
        raise UnreadableSourceError(f"cannot be opened: {error.strerror or error}") from None
    finally:
        video.release()
        cv2.utils.logging.setLogLevel(level)
