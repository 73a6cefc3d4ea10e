"""One training as plain data, which any process can be given, and how its end is told."""

import contextlib
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolograft.common.errors import RefusedError, UserError
from yolograft.runs.identity import identity
from yolograft.runs.lock import RunLockedError
from yolograft.runs.record import first_fields

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """A run that is to be trained.

    Attributes:
        config: The resolved config as plain containers.
        folder: The run's folder.
        choices: The option chosen in each config group.
        overrides: The overrides that made the config.
        group: The sweep's name, or the project of a single run.
        sweep: Whether it is one of several: then a run that another process is training is passed over.
        place: Which of a sweep's runs it is and how long they take, as a person reads it.
        made: Whether its folder was made for it: then none is left where the run is refused.
    """

    config: dict[str, Any]
    folder: Path
    choices: dict[str, str]
    overrides: list[str]
    group: str
    sweep: bool
    place: str = ""
    made: bool = False

    @property
    def identity(self) -> str:
        """The run's identity."""
        return identity(self.config)

    @property
    def fields(self) -> dict[str, Any]:
        """What run.json says of a run before anything is computed."""
        return first_fields(self.folder, self.config, self.choices, self.overrides)

    def run(self) -> int:
        """Train in this process; what goes wrong is told in the log and in run.json, and does not leave here.

        Returns:
            An exit code: 0 for done (or passed over), 1 for failed, 2 for a mistake of the person's.

        Raises:
            StoppedError: After Ctrl-C or SIGTERM, which end a whole sweep.
        """
        from yolograft.training.train import train

        if self.place:
            log.info("%s: %s", self.folder.name, self.place)
        try:
            train(self.config, self.folder, self.choices, self.overrides, self.group)
        except RunLockedError as claimed:
            if not self.sweep:
                log.error("yolograft: %s", claimed)
                return 2
            log.info("%s: passed over", claimed)
        except UserError as mistake:
            log.error("yolograft: %s", mistake)
            if self.made and isinstance(mistake, RefusedError):
                _remove_new(self.folder)
            return 2
        except (Exception, SystemExit):  # a callback that calls sys.exit ends its own run, not the sweep
            log.exception("%s failed", self.folder.name)
            return 1
        return 0


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
