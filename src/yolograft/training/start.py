"""Start one run in this process: its end is logged and recorded, and only a request to stop propagates."""

import contextlib
import logging
import shutil
from pathlib import Path
from typing import NamedTuple

from yolograft.common.errors import RefusedError, UserError
from yolograft.common.imports import uncollected
from yolograft.runs.lock import RunLockedError
from yolograft.runs.spec import RunSpec

log = logging.getLogger(__name__)


class Ended(NamedTuple):
    """How a run ended.

    Attributes:
        code: As an exit code: 0 for done (or skipped), 1 for failed, 2 for the user's mistake.
        reason: What was wrong, where something was.
    """

    code: int
    reason: str = ""


def start(spec: RunSpec, *, sweep: bool, place: str = "", made: bool = False) -> Ended:
    """Train in this process; errors are logged and recorded in run.json, none propagate.

    Args:
        spec: The run.
        sweep: Whether it is one of several: then a run that another process is training is skipped.
        place: Which of a sweep's runs it is and how long they take, for the log.
        made: Whether its folder was made for it: then it is removed where the run is refused.

    Raises:
        StoppedError: After Ctrl-C or SIGTERM, which end a whole sweep.
    """
    with uncollected():
        from yolograft.training.train import train

    if place:
        log.info("%s: %s", spec.name, place)
    try:
        train(spec)
    except RunLockedError as locked:
        if not sweep:
            log.error("yolograft: %s", locked)
            return Ended(2, str(locked))
        log.info("%s: passed over", locked)
    except UserError as mistake:
        log.error("yolograft: %s", mistake)
        if made and isinstance(mistake, RefusedError):
            _remove_new(spec.folder)
        return Ended(2, str(mistake))
    except (Exception, SystemExit) as error:  # a callback that calls sys.exit ends its own run, not the sweep
        log.exception("%s failed", spec.name)
        return Ended(1, f"{type(error).__name__}: {error}")
    return Ended(0)


def _remove_new(folder: Path) -> None:
    """Remove the folder of a run that was refused, and what was made for it above; nothing else can be in it."""
    for handler in [h for h in logging.getLogger().handlers if isinstance(h, logging.FileHandler)]:
        if Path(handler.baseFilename).parent == folder.absolute():
            logging.getLogger().removeHandler(handler)
            handler.close()  # Windows removes no file that is open
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.absolute() != Path.cwd():
        with contextlib.suppress(OSError):  # it holds other runs
            folder.parent.rmdir()
