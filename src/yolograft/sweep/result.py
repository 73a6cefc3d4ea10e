"""What became of a `train` command."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec

if TYPE_CHECKING:
    from yolograft.sweep.plan import Plan
    from yolograft.sweep.why import Failure


@dataclass(frozen=True)
class Result:
    """What became of a command.

    Attributes:
        specs: Its runs; of a search those that it has tried.
        folder: The sweep's folder; None for a single run.
        failures: The runs that have not ended well.
        exit_code: 0: all is well, 1: a run has failed, 2: a single run was refused.
        plan: With `plan=true`: what would be done.
    """

    specs: Sequence[RunSpec] = ()
    folder: Path | None = None
    failures: "Sequence[Failure]" = ()
    exit_code: int = 0
    plan: "Plan | None" = field(default=None, repr=False)

    @property
    def records(self) -> list[RunRecord]:
        """The records of the runs; of one that was not begun, or was refused, there is none."""
        found = (RunRecord.read(spec.folder) for spec in self.specs)
        return [record for record in found if record is not None]
