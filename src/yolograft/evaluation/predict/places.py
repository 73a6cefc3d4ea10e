"""Where a prediction writes: a folder of its own, and in it a name for each source."""

from pathlib import Path, PurePosixPath

from yolograft.common.errors import UserError


def new_folder(wanted: Path | None, *, overwrite: bool) -> Path:
    """Make the folder of a prediction.

    Args:
        wanted: The one that was asked for; None: `predictions`, or with the next number, in the working folder.
        overwrite: It may hold something; files of the same names are replaced.

    Raises:
        UserError: It holds something already.
    """
    if wanted is not None:
        refuse_used(wanted, overwrite=overwrite)
        wanted.mkdir(parents=True, exist_ok=True)
        return wanted
    number = 1
    while True:
        folder = Path("predictions" if number == 1 else f"predictions-{number}")
        try:
            folder.mkdir()
        except FileExistsError:  # or another process was faster
            number += 1
        else:
            return folder


def refuse_used(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless it may be overwritten.

    Raises:
        UserError: It is so.
    """
    if not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"out={folder}: is not empty; name another folder, or say overwrite=true")


class Names:
    """Gives each source a name of its own, so that no result overwrites another's."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._parents: set[str] = set()
        self._folders: set[str] = set()

    def claim(self, name: str, *, folder: bool = False) -> str:
        """Return a relative path without suffix; `bus.jpg` and `bus.png` are `bus` and `bus-2`.

        Args:
            name: Of the source.
            folder: There may be a folder of this name, too: for the frames of a video.
        """
        path = PurePosixPath(name)
        own = stem = path.with_name(path.stem)
        number = 1
        while (below := self._is_below_frames(own)) or self._is_taken(own, folder):
            number += 1
            first, *rest = stem.parts
            own = PurePosixPath(f"{first}-{number}", *rest) if below else stem.with_name(f"{stem.name}-{number}")
        self._taken.add(_folded(own))
        self._parents.update(map(_folded, own.parents))
        if folder:
            self._folders.add(_folded(own))
        return own.as_posix()

    def _is_taken(self, path: PurePosixPath, folder: bool) -> bool:
        own = _folded(path)
        return own in self._taken or (folder and own in self._parents)

    def _is_below_frames(self, path: PurePosixPath) -> bool:
        return bool(self._folders.intersection(map(_folded, path.parents)))


def _folded(path: PurePosixPath) -> str:
    return path.as_posix().casefold()  # on some disks `Bus` and `bus` are one file
