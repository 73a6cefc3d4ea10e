"""A sweep's table: renewed after every run, shown at the end, also when runs failed."""

import logging
import sys
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from yolograft.sweep.tracking import log_tables, say_what_waits

log = logging.getLogger(__name__)


class SweepCallback(Callback):
    """Hydra's callback for `yolograft train -m`.

    Hydra does not call `on_multirun_end` after a failure, so the command calls `close` itself.
    """

    folder: ClassVar[Path | None] = None
    runs: ClassVar[set[Path]] = set()

    @classmethod
    def reset(cls) -> None:
        """Forget a sweep of this process."""
        cls.folder, cls.runs = None, set()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember where the sweep is."""
        type(self).folder = Path(config.hydra.sweep.dir)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Renew the table on disk."""
        self.runs.add(Path(config.hydra.runtime.output_dir).resolve())
        if self.folder is not None:
            _render(self.folder)

    @classmethod
    def close(cls) -> int:
        """Show the table of the sweep and return 1 if a run of this command failed; 0 also where there was no sweep."""
        if cls.folder is None:
            return 0
        from yolograft.report.collect import collect
        from yolograft.report.render import show

        runs = collect([cls.folder])
        show(cls.folder)
        files = _render(cls.folder)
        for file in files:
            sys.stderr.write(f"{file}\n")
        log_tables(cls.folder, files)
        say_what_waits(cls.folder)
        failed = [run for run in runs if run.status != "finished" and run.path.resolve() in cls.runs]
        for run in failed:
            log.error("%s: %s: %s", run.name, run.status, run.error or "see train.log there")
        return int(bool(failed))


def _render(folder: Path) -> list[Path]:
    from yolograft.report.render import render

    return list(render(folder))
