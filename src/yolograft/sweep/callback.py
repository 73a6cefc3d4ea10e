"""A sweep's table: renewed after every run, shown at the end, also when runs failed."""

import logging
import sys
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from yolograft.common.files import read_regular
from yolograft.common.text import plain
from yolograft.runs.record import read_record
from yolograft.runs.spec import RunSpec
from yolograft.sweep.ledger import Ledger, renew
from yolograft.sweep.tracking import log_tables, say_what_waits

log = logging.getLogger(__name__)

_LAST_LINES = 6
"""Lines of a failed run's traceback or log that are shown at the end."""
_CRASH = ("Fatal Python error", "Windows fatal exception")
"""How Python's fault handler begins."""


class SweepCallback(Callback):
    """Hydra's callback for `yolograft train -m`.

    Hydra calls `on_job_end` where the job ran, which may be another process, and does not call `on_multirun_end` after
    a failure: so the command calls `close` itself.
    """

    @classmethod
    def reset(cls) -> None:
        """Forget a sweep of this process."""
        Ledger.current = None

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Renew the table on disk."""
        folder = Path(config.hydra.runtime.output_dir).parent
        if (folder / "sweep.json").exists():
            renew(folder)
            from yolograft.render.report import page_is_due

            _render(folder, page=page_is_due(folder))

    @classmethod
    def close(cls) -> int:
        """Show the table of the sweep and every run that failed.

        Returns:
            1 if a run of this command did not end well, 0 also where there was no sweep. A run that another command is
            training at this moment is that one's affair.
        """
        if (ledger := Ledger.current) is None:
            return 0
        renew(ledger.folder)
        if any(ledger.folder.glob("*/run.json")):
            files = _render(ledger.folder, shown=True)
            for file in files:
                sys.stderr.write(f"{plain(str(file))}\n")
            log_tables(ledger.folder, files)
            say_what_waits(ledger.folder)
        left = ledger.unfinished()
        for job, state in left:
            if state == "running":
                log.warning("%s: another command is training it.", job.name)
            elif state not in ("to do", "stopped"):
                log.error("%s: %s", job.name, _reason(job, state))
        if waiting := [job.name for job, state in left if state == "to do"]:
            log.error("%s not begun: %s", len(waiting), ", ".join(waiting[:3]) + (", …" if len(waiting) > 3 else ""))
        return int(any(state != "running" for _, state in left))


def _render(folder: Path, *, page: bool = True, shown: bool = False) -> list[Path]:
    """Write a sweep's report, and show its table first; what goes wrong in it is said, and ends no sweep."""
    from yolograft.render.report import render, show

    try:
        if shown:
            show(folder)
        return render(folder, page=page)
    except Exception as error:
        log.warning("%s: no report, because of %s: %s", folder, type(error).__name__, error)
        log.debug("", exc_info=True)
        return []


def _reason(job: RunSpec, state: str) -> str:
    """Say why a run did not finish, with the last lines of what it has said."""
    error = (read_record(job.folder / "run.json") or {}).get("error")
    if not error:
        return state
    if state == "stopped":  # asked for: there is nothing to look into
        return f"{state}: {error.get('message')}"
    lines = str(error.get("traceback") or "").strip().splitlines()[-_LAST_LINES:]
    if len(lines) < 2:  # its process could not say any more: what it was at stands in its log
        lines = _last_lines(job.folder / "train.log")
    shown = "".join(f"\n    {line}" for line in lines)
    return f"{state}: {error.get('type')}: {error.get('message')}{shown}"


def _last_lines(file: Path) -> list[str]:
    """Return how a log ends, or where the crash that it ends with was."""
    try:
        lines = read_regular(file).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    crashes = [number for number, line in enumerate(lines) if line.startswith(_CRASH)]
    began = [number for number, line in enumerate(lines) if " GFLOPs at " in line]
    if crashes and (not began or crashes[-1] > began[-1]):
        return lines[crashes[-1] :][:_LAST_LINES]
    return lines[-_LAST_LINES:]
