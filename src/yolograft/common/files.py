"""Atomic writing of files, and reading of untrusted files."""

import contextlib
import errno
import os
import re
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from yolograft.common.errors import UserError

MAX_DOCUMENT = 256 * 2**20
"""Bytes of the largest label, list, JSON, YAML or XML file that is read whole."""


def user_path(path: str | Path) -> Path:
    """Return a path that a person wrote, with a leading `~` as the home that it means.

    Where there is no such home it stays as it is, and is then said not to exist; `Path.expanduser` raises.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's raises, see above


def user_folder(key: str, path: str) -> Path:
    """Return a folder that a person named and that is to be written into; it need not exist.

    Args:
        key: What it was given as, `out`.
        path: As it was written.

    Raises:
        UserError: It is a file, or lies below one.
    """
    folder = user_path(path)
    nearest = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), folder)
    if nearest.exists() and not nearest.is_dir():
        raise UserError(f"{key}={path}: {'' if nearest == folder else f'{nearest} '}is a file; name a folder")
    return folder


@contextlib.contextmanager
def atomic_open(path: Path, previous: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its place in one step: readers see the old content or the new, never a part.

    The content goes into a temporary file beside `path`, which is flushed to the disk and renamed when the `with` block
    ends. Where the block raises, the temporary file is removed and the old file stays as it was.

    Args:
        path: The file; its folder must exist.
        previous: Where the old file is kept; None: it is replaced.

    Raises:
        OSError: The disk is full, or (Windows) another program holds the file open.
    """
    # A name of its own for each writer: the jobs of a sweep that run side by side all rewrite the same report.
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if previous is not None and path.exists():
            path.replace(previous)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: Path, content: bytes | bytearray) -> Path:
    """Write a whole file in one step, see `atomic_open`.

    Args:
        path: The file; its folder must exist.
        content: The bytes to write.

    Returns:
        The path.

    Raises:
        OSError: As for `atomic_open`.
    """
    with atomic_open(path) as stream:
        stream.write(content)
    return path


def remove_abandoned(folder: Path, silent: float = 60.0) -> None:
    """Remove the temporary files of `atomic_open` that killed processes have left in a folder.

    Args:
        folder: Where to look, not below it.
        silent: Seconds since they were written; writing one takes a moment, and other machines write here too.
    """
    for file in folder.glob("*.tmp"):
        if re.search(r"\.\d+-[0-9a-f]{8}\.tmp$", file.name):
            with contextlib.suppress(OSError):
                if time.time() - file.lstat().st_mtime > silent:
                    file.unlink()


def open_regular(path: Path | str) -> BinaryIO:
    """Open a file for reading without ever waiting for it: a FIFO, a device or a socket is refused.

    Args:
        path: The file; a link to a regular file is one.

    Raises:
        OSError: It cannot be opened, or is no regular file; `strerror` says which.
    """
    # Without O_NONBLOCK, opening a FIFO waits for a writer that never comes. Windows has neither flag's need.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    handle = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path | str, limit: int = MAX_DOCUMENT) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    Args:
        path: The file.
        limit: Most bytes that are taken into memory.

    Raises:
        OSError: It cannot be opened, is no regular file, or is larger; `strerror` says which.
    """
    with open_regular(path) as stream:
        large = os.fstat(stream.fileno()).st_size > limit
        content = b"" if large else stream.read(limit + 1)  # the size may be a lie: /proc says 0
    if large or len(content) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit / 2**20:g} MiB", str(path))
    return content


def read_text(path: Path | str, limit: int = MAX_DOCUMENT, encoding: str = "utf-8") -> str:
    """Return the text of a regular file of at most `limit` bytes.

    Args:
        path: The file.
        limit: Most bytes that are taken into memory.
        encoding: How it is encoded; `utf-8-sig` passes over a byte order mark.

    Raises:
        OSError: As for `read_regular`.
        UnicodeDecodeError: It is not encoded so.
    """
    return read_regular(path, limit).decode(encoding)
