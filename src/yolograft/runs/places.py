"""Where runs may be: folders that tell them apart, and that can be made."""

import os
from collections.abc import Sequence
from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.runs.spec import RunSpec

_LONGEST_NAME = 100
"""Characters of a folder's name that is made of words of the command line."""
_LONGEST_FILE_NAME = 255
"""Bytes of a file's name on the disks in use."""


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
            (spec.folder / "checkpoints" / "best.safetensors").stat()
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


def _below(folder: Path, sweep: Path) -> str:
    return folder.relative_to(sweep).as_posix() if folder.is_relative_to(sweep) else folder.as_posix()
