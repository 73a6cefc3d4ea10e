"""Whether the folders that a command would make can be made; nothing is made to find out."""

import os
from collections.abc import Sequence

from yolograft.common.errors import UserError
from yolograft.runs.spec import RunSpec


def refuse_unwritable(jobs: Sequence[RunSpec], *, sweep: bool = False) -> None:
    """Refuse runs whose folders cannot be made where they belong.

    Args:
        jobs: The runs.
        sweep: Whether they lie in the folder of a sweep.

    Raises:
        UserError: Naming what is in the way, and the key that chooses another place.
    """
    for folder in dict.fromkeys(job.folder.parent for job in jobs):
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
