"""Exports of many runs, one after the other: a failure stays with its run, and what is done is skipped."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.common.times import duration
from yolograft.evaluation.export.place import Place
from yolograft.evaluation.export.request import Request
from yolograft.runs.exports import Export
from yolograft.runs.weights_file import best_weights, digest


@dataclass(frozen=True)
class Outcome:
    """What became of one run's export.

    Attributes:
        weights: The weights.
        export: The export; None where it failed.
        file: Where the file is; None where it failed.
        error: Why it failed.
    """

    weights: Path
    export: Export | None = None
    file: Path | None = None
    error: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether there is a file, and nothing is known against it."""
        return self.export is not None and self.export.status != "refused"


def export_all(runs: Sequence[Path], request: Request, say: Callable[[str], object]) -> list[Outcome]:
    """Export the best weights of several runs.

    Args:
        runs: Their folders.
        request: What they are exported to.
        say: Is told what is being done, which run it is and how much time is left.
    """
    outcomes: list[Outcome] = []
    took: list[float] = []
    for number, run in enumerate(runs):
        weights = best_weights(run)
        left = f", about {duration((len(runs) - number) * sum(took) / len(took))} left" if took else ""
        say(f"{run.name}: run {number + 1} of {len(runs)}{left}")
        began = time.monotonic()
        try:
            place = Place(weights, request)
            done = place.done(digest(weights))
            if done is not None:
                say("  done before")
                outcomes.append(Outcome(weights, done, place.folder / done.file))
                continue
            from yolograft.evaluation.export.export import export  # loads torch, which what is done needs not

            made, file = export(weights, request, lambda line: say(f"  {line}"))
            outcomes.append(Outcome(weights, made, file))
        except (UserError, OSError) as problem:
            say(f"  failed: {problem}")
            outcomes.append(Outcome(weights, error=str(problem)))
        took.append(time.monotonic() - began)
    return outcomes
