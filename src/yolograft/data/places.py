"""Looking at what users or their data name; an odd name is one that is not there, never an exception."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.files import read_text, user_path

#: What ends a line for `str.splitlines`.
_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"

# os.path, not pathlib: Path.exists and its like raise for a name that is too long or holds a null character.


def exists(path: str | Path) -> bool:
    """Tell whether there is a file or folder of this name."""
    return os.path.exists(path)


def is_file(path: str | Path) -> bool:
    """Tell whether there is a file of this name."""
    return os.path.isfile(path)


def is_folder(path: str | Path) -> bool:
    """Tell whether there is a folder of this name."""
    return os.path.isdir(path)


def is_image(name: str) -> bool:
    """Tell by its suffix whether a file is an image that ultralytics reads."""
    return name.rpartition(".")[-1].lower() in image_suffixes()


@cache
def image_suffixes() -> frozenset[str]:
    """Return the suffixes of images that ultralytics reads, without their dot.

    Asking ultralytics loads torch: a path that does not exist is refused before.
    """
    from yolograft.upstream.images import IMG_FORMATS

    return frozenset(IMG_FORMATS)


def given_path(path: str, example: str) -> Path:
    """Return what `dataset.path` names as an absolute path.

    Links are kept: labels lie where the layout says, not where links lead.

    Args:
        path: As it was given.
        example: How it is given, for messages.

    Raises:
        UserError: It is missing, or names nothing that exists.
    """
    if path in ("", "???"):  # ??? is how a config file says that a value must be given
        raise UserError(f"dataset.path is missing; say which: {example}")
    try:
        place = user_path(path).absolute()
    except RuntimeError as error:  # ~somebody
        raise UserError(f"dataset.path: {path}: {error}") from None
    if not exists(place):
        raise UserError(f"dataset.path: {place} does not exist")
    return place


def refuse_absent_path(settings: Mapping[str, Any]) -> None:
    """Refuse a data set whose `dataset.path` names nothing, before its reader is loaded.

    Args:
        settings: A config's `dataset` group.

    Raises:
        UserError: As for `given_path`.
    """
    path = settings.get("path")
    ours = str(settings.get("_target_", "")).startswith("yolograft.data.sources.")  # elsewhere it may mean anything
    if ours and isinstance(path, str):
        given_path(path, "dataset.path=FOLDER")


def given_folder(path: str, example: str) -> Path:
    """Return the folder that `dataset.path` names; see `given_path`."""
    place = given_path(path, example)
    if not is_folder(place):
        raise UserError(f"dataset.path: {place} is a file; the folder of the data set is wanted: {example}")
    return place


def folder_of(root: Path, *names: str) -> Path | None:
    """Return the first of the named folders in a folder, whatever the case of its letters; None where there is none."""
    present = {folder.name.lower(): folder for folder in folders_in(root)}
    return next((present[name] for name in names if name in present), None)


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted by name, without hidden files; nothing where it cannot be read."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return []


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name, without hidden ones; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as inside:  # knows what is a folder without asking for each of 100000 images
            return sorted(Path(entry.path) for entry in inside if entry.name[0] != "." and entry.is_dir())
    except OSError:
        return []


def files_below(folder: str | Path) -> dict[str, str]:
    """Return all files in and below a folder, hidden ones left out: relative path, with `/`, to absolute path.

    Linked folders are searched too, as ultralytics does; each folder once, however many links lead to it.
    """
    found: dict[str, str] = {}
    seen: set[tuple[int, int]] = set()
    waiting = [(os.fspath(folder), "")]
    while waiting:  # not os.walk: that follows a link to its own folder 40 times, two such links 2**40 times
        here, prefix = waiting.pop()
        try:
            state = os.stat(here)
            with os.scandir(here) as inside:
                children = sorted((child for child in inside if child.name[0] != "."), key=lambda child: child.name)
        except OSError:
            continue
        if (state.st_dev, state.st_ino) in seen:
            continue
        seen.add((state.st_dev, state.st_ino))
        below = []
        for child in children:
            if not _is_folder(child):
                found[prefix + child.name] = child.path
            elif child.is_symlink():
                waiting.insert(0, (child.path, f"{prefix}{child.name}/"))  # after all folders by their own names
            else:
                below.append((child.path, f"{prefix}{child.name}/"))
        waiting += reversed(below)
    return found


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def lines_of(file: Path, what: str, most: int) -> list[str]:
    """Return the lines of a text file.

    Args:
        file: The file, in UTF-8.
        what: What it should be, for messages.
        most: So many lines at most.

    Raises:
        UserError: It cannot be read, is no regular file, not text, or too long.
    """
    try:
        text = read_text(file, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not {what} in UTF-8: {error.reason}") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    if "\0" in text:
        raise UserError(f"{file}: not {what}: it holds null characters")
    if len(text) > most and sum(text.count(end) for end in _LINE_ENDS) > most:
        raise UserError(f"{file}: not {what}: it has more than {most:,} lines")
    return text.splitlines()
