"""Where runs may be: folders that tell them apart, can be made, and lead nowhere else.

Nothing is made to find that out.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.runs.spec import RunSpec
from yolograft.runs.weights_file import best_weights

_LONGEST_NAME = 100
"""Characters of a folder's name that is made of words of the command line."""
_LONGEST_FILE_NAME = 255
"""Bytes of a file's name on the disks in use."""
_OF_SWEEPS = ("multirun.yaml", "optuna.journal", "optuna.journal.lock", "figures", "wandb", ".submitit")
"""What a sweep writes into its own folder and not by replacing a file, which replaces a link too."""
_WANDB = "wandb"
"""W&B makes links in its folder; each start has a new one in it, whose name nobody knows before."""


def check_folders(specs: Sequence[RunSpec], sweep: Path | None) -> None:
    """Refuse folders in which the runs could not be told apart, or that cannot be made.

    Args:
        specs: The runs.
        sweep: The sweep's folder; None for a single run.

    Raises:
        UserError: Naming the key that makes the folder.
    """
    key = "hydra.run.dir" if sweep is None else "hydra.sweep.subdir"
    taken: dict[str, RunSpec] = {}
    for spec in specs:
        named = next((k for k in ("name", "project") if len(str(spec.config.get(k))) > _LONGEST_NAME), None)
        said = f"{named}={spec.config[named]}" if named else f"{key}={spec.folder}"
        if any(len(os.fsencode(part)) > _LONGEST_FILE_NAME for part in spec.folder.parts):  # `stat` may not come so far
            raise UserError(f"{said}: file name too long; a run's folder cannot be called so")
        try:
            best_weights(spec.folder).stat()
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as problem:  # too long, a character that no name may have, a file in the way
            why = getattr(problem, "strerror", None) or str(problem)
            raise UserError(f"{said}: {why[0].lower()}{why[1:]}; a run's folder cannot be called so") from None
        if sweep is None:
            continue
        if spec.folder.parent != sweep or spec.name in ("", ".."):
            raise UserError(
                f"{key}={_below(spec.folder, sweep)}: every run needs a folder of its own right below the sweep's; "
                f"leave out {key}"
            )
        other = taken.setdefault(os.path.normcase(spec.folder), spec)
        if other.identity != spec.identity:
            different = [o for o in spec.overrides if o not in other.overrides]
            raise UserError(
                f"{key}={spec.name}: runs with other settings ({', '.join(different)}) would share this folder; "
                f"leave out {key}"
            )


def refuse_unwritable(specs: Sequence[RunSpec], *, sweep: bool = False) -> None:
    """Refuse runs whose folders cannot be made where they belong.

    Args:
        specs: The runs.
        sweep: Whether they lie in the folder of a sweep.

    Raises:
        UserError: Naming what is in the way, and the key that chooses another place.
    """
    for folder in dict.fromkeys(spec.folder.parent for spec in specs):
        there = folder.absolute()
        while not os.path.lexists(there) and there != there.parent:
            there = there.parent
        if not there.is_dir():
            reason = f"{there} is not a folder"
        elif not os.access(there, os.W_OK | os.X_OK):
            reason = f"{there} cannot be written to"
        else:
            continue
        elsewhere = "start it in another folder, or say hydra.sweep.dir=FOLDER" if sweep else "say project=FOLDER"
        raise UserError(f"{folder}: {reason}; {elsewhere}")


def refuse_links(runs: Iterable[Path], sweep: Path | None = None) -> None:
    """Refuse folders of runs in which a link leads out of them, or a pipe or device waits to be opened.

    Links from `checkpoints/` are let be: files there are replaced or removed, never written through.

    Args:
        runs: The folders of the runs that are to be trained; they need not be there.
        sweep: The folder of their sweep.

    Raises:
        UserError: Naming the link.
    """
    if sweep is not None:
        for name in _OF_SWEEPS:
            _check_link(sweep / name, sweep)
    for folder in dict.fromkeys(runs):
        _check_link(folder, folder.parent)
        for path in _entries(folder):
            _check_link(path, folder)


def _below(folder: Path, sweep: Path) -> str:
    return folder.relative_to(sweep).as_posix() if folder.is_relative_to(sweep) else folder.as_posix()


def _entries(folder: Path) -> Iterator[Path]:
    """Yield what lies in a run's folder, at any depth, that could be no ordinary file or folder."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        yield from (here / name for name in folders)
        if here != folder / "checkpoints":
            yield from (here / name for name in files)
        folders[:] = [name for name in folders if here != folder or name != _WANDB]


def _check_link(path: Path, room: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except OSError:  # there is none, or it can be used by nobody
        return
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return
    if not stat.S_ISLNK(mode):
        raise UserError(f"{path}: is no file and no folder; remove it before a training goes on here")
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(room)):
        raise UserError(
            f"{path}: is a link that leads out of the run's folder, where a training would write; "
            "remove it, or put a copy of what it leads to in its place"
        )
