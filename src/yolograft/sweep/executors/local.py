"""`hydra/launcher=basic`: one run after the other, started by the command itself."""

from collections.abc import Sequence

from yolograft.runs.spec import RunSpec
from yolograft.sweep.executors.base import OnEnd, Outcome
from yolograft.sweep.job import train_job


class LocalExecutor:
    """Trains one run after the other, each in a process of its own unless `isolate=false`."""

    def run(self, specs: Sequence[RunSpec], on_end: OnEnd) -> list[Outcome]:
        """Train the runs; see `Executor`."""
        return [_train(spec, on_end) for spec in specs]


def _train(spec: RunSpec, on_end: OnEnd) -> Outcome:
    outcome: Outcome = None
    try:
        train_job(spec, sweep=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is recorded and ends this run alone
        outcome = error
    on_end(spec)
    return outcome
