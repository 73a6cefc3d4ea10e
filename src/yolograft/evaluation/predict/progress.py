"""How far a prediction is: a bar on a terminal, else a line now and then."""

import sys
import time
from types import TracebackType

from yolograft.common.text import markup, plain
from yolograft.common.times import duration

_HEARTBEAT = 30.0
"""Seconds between lines where there is no terminal for a bar."""


class Progress:
    """Counts sources and frames on standard error, and tells the time left.

    Args:
        total: Sources; None where only the end of a list will tell.
    """

    def __init__(self, total: int | None) -> None:
        self._total, self._done, self._frames = total, 0, 0
        self._began = self._said = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._all = self._bar.add_task("", total=total)
            self._own = self._bar.add_task("", visible=False)

    def __enter__(self) -> "Progress":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def frame(self, name: str, number: int | None, total: int | None) -> None:
        """Tell that an image or a frame is done.

        Args:
            name: The source's.
            number: Of the frame, from 1; None of an image.
            total: Frames of the video; None where it is not known.
        """
        self._frames += 1
        if self._bar and number is not None:
            self._bar.update(self._own, completed=number, total=total, description=markup(name), visible=True)
        elif not self._bar and time.monotonic() - self._said >= _HEARTBEAT:
            self._said = time.monotonic()
            of = f" of {self._total:,}" if self._total else ""
            within = f", frame {number:,}{f' of {total:,}' if total else ''} of {plain(name)}" if number else ""
            sys.stderr.write(f"{self._done:,}{of} sources{within}, {self._rate():.3g} images/s{self._left()}\n")

    def source(self) -> None:
        """Tell that a source is done, or could not be read."""
        self._done += 1
        if self._bar:
            self._bar.update(self._own, visible=False)
            self._bar.update(self._all, advance=1)

    def _rate(self) -> float:
        return self._frames / max(time.monotonic() - self._began, 1e-9)

    def _left(self) -> str:
        if not self._total or not self._done:
            return ""
        each = (time.monotonic() - self._began) / self._done
        return f", {duration(each * (self._total - self._done))} left"
