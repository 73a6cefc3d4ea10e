"""Lists of class names, as labelling tools leave them: one per line, or Label Studio's notes.json."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.files import read_text
from yolograft.common.parsing import parse_json
from yolograft.data.places import exists, lines_of

#: No data set has so many classes.
MAX_NAMES = 100_000

#: What such a list is called, in the order of preference.
FILES = (
    "classes.txt",
    "obj.names",
    "predefined_classes.txt",
    "classes.names",
    "labels.names",
    "_darknet.labels",
    "notes.json",
)


def find_names(folders: Iterable[Path]) -> Path | None:
    """Return the first list of class names in the folders, or None."""
    return next((folder / name for folder in folders for name in FILES if exists(folder / name)), None)


def read_names(file: Path) -> dict[int, str]:
    """Return the names by number: by their line, counted from 0; empty lines at the end do not count.

    Raises:
        UserError: It cannot be read, or holds no name.
    """
    if file.suffix.lower() == ".json":
        return _categories(file)
    names = [line.strip() for line in lines_of(file, "a list of class names", MAX_NAMES)]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise UserError(f"{file}: empty; write one class name per line")
    if "" in names:  # is it a class without a name, or does it not count? Every class after it depends on that
        raise UserError(f"{file}:{names.index('') + 1}: an empty line between class names")
    return dict(enumerate(names))


def _categories(file: Path) -> dict[int, str]:
    """Return the categories that Label Studio writes beside its labels."""
    try:
        document: Any = parse_json(read_text(file, encoding="utf-8-sig"))
        names = {int(each["id"]): str(each["name"]) for each in document["categories"]}
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        names = {}
    if not names or sorted(names) != list(range(len(names))):
        raise UserError(f"{file}: names no categories with the ids 0, 1, …; write classes.txt, one class name per line")
    return dict(sorted(names.items()))


def repeated(names: Iterable[str]) -> str | None:
    """Return a sentence about a name that several classes have, or None."""
    seen: dict[str, int] = {}
    for number, name in enumerate(names):
        if seen.setdefault(name, number) != number:
            return f"the classes {seen[name]} and {number} have the same name, {name!r}; both are kept"
    return None
