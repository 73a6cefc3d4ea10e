"""Decoded images, kept once for every run, split and worker: a memory-mapped file per set of images and size.

The file holds the pixels one image after another, then an index (numpy's .npz, no pickle) that has a checksum of each
image, then where that begins and its digest. With a damaged index it is made anew; a damaged image is decoded from its
own file. It gets its name when it is complete. The name changes with the images, so that a file is never written to
again and those who have it mapped keep what they have.
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import shutil
import struct
import tempfile
import threading
import uuid
import weakref
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from filelock import FileLock, Timeout
from tqdm import tqdm  # type: ignore[import-untyped]

from yolograft.common.cache import cache_dir
from yolograft.upstream.data import LoadedImage, content_hash
from yolograft.upstream.decoding import DECODERS, ImageReader, resized_pixels
from yolograft.upstream.images import ValueRange

try:
    import fcntl
except ImportError:  # Windows refuses by itself to remove a file that is open
    fcntl = None  # type: ignore[assignment]

#: Changes whenever the form of the file changes.
VERSION = 2

#: Bytes in a GB.
GB = 10**9

log = logging.getLogger(__name__)

_TRAILER = struct.Struct("<Q32s8s")  # where the index begins, its SHA-256, and that the file is one of ours
_MAGIC = b"YGIMAGES"
_DAMAGED = (ValueError, OverflowError, KeyError, EOFError, struct.error, zipfile.BadZipFile)
_THREADS = min(8, os.cpu_count() or 1)


class _NoRoomError(Exception):
    """The images would take more room than they may."""


class _Contents(NamedTuple):
    """A mapped file.

    Attributes:
        pixels: Uint8 [bytes of the file].
        rows: Each image's row in the table.
        table: Int64 [images, 7]: offset of the pixels, their height, width and channels, original height and width,
            CRC-32 of the pixels.
    """

    pixels: np.ndarray
    rows: dict[str, int]
    table: np.ndarray


class ImageCache:
    """The decoded images of a set; each process maps the file for itself, also one that it was pickled to.

    While it lives in the process that opened it, the file is not removed to make room for others.

    Args:
        path: The file.
        imgsz: Length of the images' longer side, pixels.
        channels: Of the images.

    Raises:
        OSError: The file cannot be read.
        ValueError: Or one of `_DAMAGED`: it is not what this module writes.
    """

    def __init__(self, path: Path, imgsz: int, channels: int) -> None:
        self.path, self.imgsz, self.channels = path, imgsz, channels
        stream = path.open("rb")
        weakref.finalize(self, stream.close)
        _mark_used(stream)
        self._contents = _read(path)

    def get(self, file: str, imgsz: int, channels: int) -> LoadedImage | None:
        """Return a copy of a decoded image, its original and its resized (h, w); None if it is not held so.

        Each process compares an image with its checksum the first time that it returns it.
        """
        contents = self._contents
        row = contents.rows.get(file)
        if row is None or (imgsz, channels) != (self.imgsz, self.channels):
            return None
        offset, height, width, depth, *original, checksum = contents.table[row].tolist()
        image = np.array(contents.pixels[offset : offset + height * width * depth]).reshape(height, width, depth)
        if row not in self._compared:
            if zlib.crc32(image.data) != checksum:
                _say_damaged(self.path)
                return None
            self._compared.add(row)
        return image, (original[0], original[1]), (height, width)

    @cached_property
    def _compared(self) -> set[int]:
        """Rows of the images whose checksums were right."""
        return set()

    @cached_property
    def _contents(self) -> _Contents:
        """Map the file in a process that this object was pickled to; if it is gone by then, files are read instead."""
        try:
            return _read(self.path)
        except (OSError, *_DAMAGED):
            return _Contents(np.zeros(0, np.uint8), {}, np.zeros((0, 7), np.int64))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the mapping behind."""
        return {"path": self.path, "imgsz": self.imgsz, "channels": self.channels}


def image_cache(
    files: Iterable[str], imgsz: int, channels: int, limit_gb: float, value_range: ValueRange | None = None
) -> ImageCache | None:
    """Return the decoded images of a set, decoding them unless that was done before and no file has changed since.

    Of several processes that ask at once, one decodes and the others wait. Images that cannot be decoded are left out.

    Args:
        files: The images, of all splits, by the names that they are asked for by.
        imgsz: Length that their longer side is brought to, pixels.
        channels: 1 (grey) or 3 (colour), as of the data set.
        limit_gb: What all image caches together may take, GB; those used longest ago are removed.
        value_range: As for `read_image`.

    Returns:
        The images; None, after one line in the log that says why, where they would take more than the limit or half of
        the free disk space, or cannot be written.
    """
    files = sorted(set(files))
    what = json.dumps([VERSION, DECODERS, imgsz, channels, value_range, files])
    key = hashlib.sha256(what.encode()).hexdigest()[:16]
    path = cache_dir() / "images" / f"{key}-{content_hash(files)[:16]}.images"
    limit = round(limit_gb * GB)
    try:
        return _opened(path, imgsz, channels, limit) or _built(path, files, imgsz, channels, value_range, limit)
    except (_NoRoomError, OSError, NotImplementedError) as reason:  # the last: a disk that knows no locks
        log.warning("Images are decoded anew in each epoch, not kept: %s", reason)
        return None


def _opened(path: Path, imgsz: int, channels: int, limit: int) -> ImageCache | None:
    """Open a complete file and note the time, by which those used longest ago are known."""
    try:
        _check_limit(path.stat().st_size, limit)
        if _mark_of_damage(path).exists():
            return None
        cache = ImageCache(path, imgsz, channels)
    except FileNotFoundError:
        return None
    except _DAMAGED:
        _say_damaged(path)
        return None
    with contextlib.suppress(OSError):  # a folder that is only read
        os.utime(path)
    return cache


def _mark_of_damage(path: Path) -> Path:
    return path.with_suffix(".damaged")


def _say_damaged(path: Path) -> None:
    """Say, once for all processes, that a file is damaged, and mark it for being made anew when it is next opened."""
    with contextlib.suppress(OSError):  # said before, or a folder that is only read
        _mark_of_damage(path).open("x").close()
        log.warning("%s is damaged: images are decoded anew, and the file is made anew when it is next opened", path)


def _built(
    path: Path, files: Sequence[str], imgsz: int, channels: int, value_range: ValueRange | None, limit: int
) -> ImageCache | None:
    """Decode the images into a file, or wait for who is doing that."""
    folder, key = path.parent, path.name.partition("-")[0]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass  # it can be written: else a lock in it would be waited for without end on Windows
    making_room = FileLock(folder / "room.lock")
    scratch = folder / f"{key}-{uuid.uuid4().hex[:16]}.tmp"
    with _acquired(FileLock(folder / f"{key}.lock")):
        if cache := _opened(path, imgsz, channels, limit):
            return cache
        needed = _size(files, imgsz, channels)
        with making_room:
            _make_room(folder, key, needed, limit)
            stream = scratch.open("x+b")
            _mark_used(stream)
        try:
            log.info("Decoding %s images at %s px, once for all runs (%.2f GB)", f"{len(files):,}", imgsz, needed / GB)
            stream.truncate(needed)  # taken from now on, for others who look for room
            _fill(stream, files, ImageReader(files, imgsz, channels, value_range))
            with making_room:  # in which nobody takes it for a leftover although it is closed
                stream.close()
                scratch.replace(path)
                _mark_of_damage(path).unlink(missing_ok=True)
        finally:
            stream.close()
            scratch.unlink(missing_ok=True)
        return _opened(path, imgsz, channels, limit)


@contextlib.contextmanager
def _acquired(lock: FileLock) -> Iterator[None]:
    """Hold a lock; say so where it has to be waited for."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("Waiting for another run that is decoding the same images")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _size(files: Sequence[str], imgsz: int, channels: int) -> int:
    """Return how many bytes the file will take at most, from the images' headers."""
    with ThreadPool(_THREADS) as pool:
        pixels = sum(pool.imap_unordered(partial(resized_pixels, imgsz=imgsz), files, chunksize=64))
    index = len(json.dumps(files)) + 48 * len(files) + 4096
    return pixels * channels + index


def _check_limit(size: int, limit: int) -> None:
    if size > limit:
        raise _NoRoomError(
            f"decoded they take {size / GB:.3g} GB, more than the limit of {limit / GB:.3g} GB (cache_gb)"
        )


def _make_room(folder: Path, key: str, needed: int, limit: int) -> None:
    """Remove what killed builds left, older files of the set and, beyond the limit, what was used longest ago.

    Raises:
        _NoRoomError: There is not enough room even so.
    """
    _check_limit(needed, limit)
    for file in [*folder.glob("*.tmp"), *folder.glob(f"{key}-*.images"), *folder.glob(f"{key}-*.damaged")]:
        _remove_unused(file)
    kept = {file: file.stat() for file in [*folder.glob("*.tmp"), *folder.glob("*.images")]}
    total = sum(stat.st_size for stat in kept.values())
    for file in sorted(kept, key=lambda file: kept[file].st_mtime):
        if total + needed > limit and _remove_unused(file):
            total -= kept[file].st_size
    if total + needed > limit:
        raise _NoRoomError(
            f"decoded they take {needed / GB:.3g} GB, and of the limit of {limit / GB:.3g} GB "
            f"(cache_gb) {total / GB:.3g} GB hold images that other runs use now"
        )
    free = shutil.disk_usage(folder).free
    if needed > free / 2:
        raise _NoRoomError(f"decoded they take {needed / GB:.3g} GB, more than half of the {free / GB:.3g} GB free")


def _mark_used(stream: IO[bytes]) -> None:
    """Say that a file is in use until the stream is closed, were it by the end of the process."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a disk that knows no locks
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _remove_unused(file: Path) -> bool:
    """Remove a file unless it is in use on this machine or that cannot be known; return whether it is gone."""
    try:
        with contextlib.ExitStack() as stack:
            if fcntl is not None:
                fcntl.flock(stack.enter_context(file.open("r+b")), fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink()
    except OSError:
        return not file.exists()
    return True


def _fill(stream: IO[bytes], files: Sequence[str], reader: ImageReader) -> None:
    """Write the images, several being decoded at a time, then the index."""
    table = np.zeros((len(files), 7), np.int64)
    writing = threading.Lock()

    def add(row: int) -> None:
        try:
            image, original, _ = reader.load_image(row)
        except Exception:  # decoders raise what they like; the training says so when it comes to the image  # noqa: BLE001
            return
        if image.dtype != np.uint8:  # TIFFs of floating-point numbers
            return
        image = np.ascontiguousarray(image)
        checksum = zlib.crc32(image.data)
        with writing:
            table[row] = stream.tell(), *image.shape, *original, checksum
            stream.write(image.data)

    with ThreadPool(_THREADS) as pool, tqdm(total=len(files), desc="decoding images", delay=2, leave=False) as progress:
        for _ in pool.imap_unordered(add, range(len(files))):
            progress.update()
    held = np.flatnonzero(table[:, 1]).tolist()
    names = json.dumps([files[row] for row in held])  # ASCII, also for names that are not valid Unicode
    index = io.BytesIO()
    np.savez(index, names=np.frombuffer(names.encode(), np.uint8), table=table[held])
    begin = stream.tell()
    stream.write(index.getvalue())
    stream.write(_TRAILER.pack(begin, hashlib.sha256(index.getvalue()).digest(), _MAGIC))
    stream.truncate()
    stream.flush()
    os.fsync(stream.fileno())


def _read(path: Path) -> _Contents:
    """Map a file and read its index."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TRAILER.size))
        begin, digest, magic = _TRAILER.unpack(stream.read())
        if magic != _MAGIC:
            raise ValueError(f"{path} is no image cache")
        stream.seek(begin)
        content = stream.read()[: -_TRAILER.size]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError(f"{path} has a damaged index")
        with np.load(io.BytesIO(content), allow_pickle=False) as index:
            names, table = json.loads(index["names"].tobytes()), index["table"]
    return _Contents(np.memmap(path, np.uint8, "r"), {name: row for row, name in enumerate(names)}, table)
