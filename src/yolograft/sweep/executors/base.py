"""What every executor does: `Executor`."""

from collections.abc import Callable, Sequence
from typing import Protocol

from yolograft.runs.spec import RunSpec

OnEnd = Callable[[RunSpec], None]
"""Called in the command's own process when a run has ended."""

Outcome = BaseException | None
"""None: the run ended and its run.json says how. An exception: it may not have been able to write that."""


class Executor(Protocol):
    """Trains runs somewhere and waits for them."""

    def run(self, specs: Sequence[RunSpec], on_end: OnEnd) -> list[Outcome]:
        """Train runs and wait for all of them; what fails in a run stays in it.

        Args:
            specs: The runs.
            on_end: Called after each.

        Returns:
            One outcome for each run, in their order.

        Raises:
            StoppedError: The command was asked to stop; the runs were too, and have written their checkpoints.
        """
        ...


class JobEndedError(Exception):
    """A job that ended without saying how."""


def count(runs: int) -> str:
    """Return so many runs in words."""
    return f"{runs} run{'s' * (runs != 1)}"
