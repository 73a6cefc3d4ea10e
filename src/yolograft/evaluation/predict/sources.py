"""What `source=` means: images, videos, cameras and addresses, one by one; nothing of them is opened here."""

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Literal, TextIO
from urllib.parse import unquote, urlsplit

from yolograft.common.errors import UserError
from yolograft.common.files import user_path
from yolograft.data.places import exists, files_below, image_suffixes, is_folder
from yolograft.runs.predictions import PREDICTIONS

VIDEOS = ("asf", "avi", "gif", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ts", "webm", "wmv")
"""Suffixes of videos, as ultralytics has them."""
WHILE_RUNNING = "predictions.jsonl"
"""Where results are kept until a prediction ends."""

_FETCHED, _STREAMED = ("http://", "https://"), ("rtsp://", "rtsps://", "rtmp://", "tcp://")
_LONGEST = 32_768
"""Letters of the longest line of a list."""

Kind = Literal["image", "video", "camera", "stream", "address"]


@dataclass(frozen=True)
class Source:
    """One image, video, camera or address.

    Attributes:
        kind: How it is read; an `address` is fetched and then read as what it is.
        place: Path, address or the camera's number.
        name: What its results are called: a relative path with `/`, with the suffix of the source.
    """

    kind: Kind
    place: str
    name: str

    @property
    def shown(self) -> str:
        """The place as it is shown and kept: an address without password and query, which may hold keys."""
        if self.kind not in ("address", "stream"):
            return self.place
        parts = urlsplit(self.place)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def expand(words: Sequence[str | int], lines: TextIO) -> tuple[Iterable[Source], int | None]:
    """Return what is to be looked at.

    Args:
        words: Paths of images, videos and folders, patterns (`photos/*.jpg`), addresses, numbers of cameras, and `-`
            for a list of paths and addresses, one a line.
        lines: Where `-` reads its list: as it comes, so another program may still be writing it.

    Returns:
        The sources, and how many they are; None where only the end of the list will tell.

    Raises:
        UserError: A folder or pattern holds nothing to look at, or the only file does not exist.
    """
    if "-" not in words:
        found = [source for word in words for source in _expanded(str(word))]
        if len(found) == 1 and found[0].kind in ("image", "video") and not exists(found[0].place):
            raise UserError(f"source={words[0]}: does not exist")
        return found, len(found)
    return chain.from_iterable(_listed(lines) if word == "-" else _expanded(str(word)) for word in words), None


def kind_of(path: str) -> Kind:
    """Return whether a file is read as a video or as an image, by its suffix."""
    return "video" if path.rpartition(".")[2].lower() in VIDEOS else "image"


def _listed(lines: TextIO) -> Iterator[Source]:
    while line := lines.readline(_LONGEST):
        if word := line.rstrip("\r\n"):
            try:
                yield from _expanded(word, listed=True)
            except UserError:  # one line must not end the list; reading it will tell
                yield Source("image", word, address_name(word))


def _expanded(word: str, *, listed: bool = False) -> list[Source]:
    """Return the sources that a word stands for; a file that does not exist is one, too: reading it will tell."""
    if word.startswith(_FETCHED):
        return [Source("address", word, address_name(word))]
    if word.startswith(_STREAMED):
        return [Source("stream", word, address_name(word))]
    path = str(user_path(word))
    if is_folder(path):
        return _in_folder(path)
    if exists(path):
        return [Source(kind_of(path), path, _own_name(path, listed=listed))]
    if word.isdecimal() and not listed:
        return [Source("camera", word, f"camera-{word}")]
    if glob.has_magic(path):
        found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
        found = [file for file in found if not is_folder(file)]
        if not found:
            raise UserError(f"source={word}: no file matches this pattern")
        return [Source(kind_of(file), file, _below(file, path)) for file in found]
    return [Source(kind_of(path), path, _own_name(path, listed=listed))]


def _in_folder(path: str) -> list[Source]:
    """Return the images and videos in and below a folder, without those that earlier predictions wrote."""
    files = files_below(path)
    own = {str(PurePosixPath(name).parent) for name in files if name.endswith((PREDICTIONS, WHILE_RUNNING))} - {"."}
    wanted = {*image_suffixes(), *VIDEOS}
    found = [
        Source(kind_of(file), file, name)
        for name, file in files.items()
        if name.rpartition(".")[2].lower() in wanted and not own.intersection(map(str, PurePosixPath(name).parents))
    ]
    if not found:
        raise UserError(f"source={path}: no images or videos in this folder (looked for {', '.join(sorted(wanted))})")
    return found


def address_name(address: str) -> str:
    """Return a file name for what an address leads to."""
    parts = urlsplit(address)
    last = unquote(PurePosixPath(parts.path).name) or parts.hostname or "address"
    return re.sub(r"[^\w.() \[\]-]", "_", last)[-100:].lstrip(".") or "address"


def _own_name(path: str, *, listed: bool) -> str:
    """Return the name of a single file: its last part; in a list, where many may have one name, its relative path."""
    place = Path(path)
    if not listed or place.is_absolute():
        return place.name
    return PurePosixPath(*(part for part in place.parts if part != "..")).as_posix()


def _below(file: str, pattern: str) -> str:
    """Return a file's path below the part of a pattern that is fixed."""
    parts = Path(pattern).parts
    fixed = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return PurePosixPath(*Path(file).parts[fixed:]).as_posix()
