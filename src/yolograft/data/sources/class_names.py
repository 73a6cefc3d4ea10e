"""Lists of class names, as labelling tools leave them: one per line."""

from collections.abc import Iterable
from pathlib import Path

from yolograft.data.places import exists, lines_of
from yolograft.errors import UserError

#: No data set has so many classes.
MAX_NAMES = 100_000

#: What such a list is called, in the order of preference.
FILES = ("classes.txt", "obj.names", "predefined_classes.txt", "classes.names", "labels.names", "_darknet.labels")


def find_names(folders: Iterable[Path]) -> Path | None:
    """Return the first list of class names in the folders, or None."""
    return next((folder / name for folder in folders for name in FILES if exists(folder / name)), None)


def read_names(file: Path) -> dict[int, str]:
    """Return the names by their line, counted from 0; empty lines at the end do not count.

    Raises:
        UserError: it cannot be read, or holds no name.
    """
    names = [line.strip() for line in lines_of(file, "a list of class names", MAX_NAMES)]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise UserError(f"{file}: empty; write one class name per line")
    if "" in names:  # is it a class without a name, or does it not count? Every class after it depends on that
        raise UserError(f"{file}:{names.index('') + 1}: an empty line between class names")
    return dict(enumerate(names))
