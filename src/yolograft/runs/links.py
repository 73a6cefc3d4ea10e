"""Whether a run's folder, which a stranger may have made, lets a training write elsewhere."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from yolograft.common.errors import UserError

_OF_SWEEPS = ("multirun.yaml", "optuna.journal", "optuna.journal.lock", "figures", "wandb", ".submitit")
"""What a sweep writes into its own folder and not by replacing a file, which replaces a link too."""
_WANDB = "wandb"
"""W&B makes links in its folder; each start has a new one in it, whose name nobody knows before."""


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
            _check(sweep / name, sweep)
    for folder in dict.fromkeys(runs):
        _check(folder, folder.parent)
        for path in _below(folder):
            _check(path, folder)


def _below(folder: Path) -> Iterator[Path]:
    """Yield what lies in a run's folder, at any depth, that could be no ordinary file or folder."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        yield from (here / name for name in folders)
        if here != folder / "checkpoints":
            yield from (here / name for name in files)
        folders[:] = [name for name in folders if here != folder or name != _WANDB]


def _check(path: Path, room: Path) -> None:
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
