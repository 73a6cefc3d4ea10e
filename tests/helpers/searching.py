"""A search without trainings: composing and Optuna are real, the executor writes what a run would have written."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from yolograft.cli.train import SweepReport
from yolograft.config.compose import compose, container_of, parse
from yolograft.config.search_path import initialized
from yolograft.runs.spec import RunSpec
from yolograft.sweep.executors.base import OnEnd, Outcome
from yolograft.sweep.request import SearchRequest, sweep_request
from yolograft.sweep.search_space import check_sweeper, probes, signature
from yolograft.sweep.sweep import Sweep

Told = Callable[[RunSpec], dict[str, Any] | None]


class Writer:
    """An executor that writes run.json instead of training.

    Args:
        outcome: What a run's run.json gets; None writes none.

    Attributes:
        launched: The batches, as lists of runs.
    """

    def __init__(self, outcome: Told) -> None:
        self.outcome = outcome
        self.launched: list[list[RunSpec]] = []

    def run(self, specs: Sequence[RunSpec], on_end: OnEnd) -> list[Outcome]:
        self.launched.append(list(specs))
        for spec in specs:
            if (record := self.outcome(spec)) is not None:
                spec.folder.mkdir(parents=True, exist_ok=True)
                (spec.folder / "run.json").write_text(json.dumps({"identity": spec.identity, **record}))
        return [None] * len(specs)


class Best(SweepReport):
    """Shows a search's best trials and draws nothing."""

    def at_the_end(self, folder: Path) -> list[Path]:
        return []


def finished(value: float, params: int = 1000) -> dict[str, Any]:
    """Return the run.json of a run that went to its end."""
    return {"status": "finished", "metrics": {"mAP50-95": value}, "params": params, "error": None}


def searching(folder: Path, outcome: Told, *arguments: str) -> tuple[Sweep, Writer]:
    """Return a sweep that searches, and its executor."""
    with initialized("train"):
        overrides = parse(["hydra/sweeper=optuna", f"hydra.sweep.dir={folder.as_posix()}", *arguments])
        composed = compose("train", [o for o in overrides if not o.is_sweep_override()])
        values: Mapping[str, Any] = container_of(composed.hydra.sweeper)
        settings = check_sweeper("optuna", values)
        assert settings is not None
        first = container_of(compose("train", parse(next(iter(probes(overrides))))))
        search = SearchRequest(settings, overrides, signature(settings, overrides, first))
        request = sweep_request(composed, overrides, folder, "basic", search)
    writer = Writer(outcome)
    return Sweep(request, "yolograft train …", [], [], Best(), writer), writer


def search(folder: Path, outcome: Told, *arguments: str) -> list[list[RunSpec]]:
    """Carry a search on, as one command does, and return the batches that were launched."""
    sweep, writer = searching(folder, outcome, *arguments)
    sweep.run()
    return writer.launched


def result(folder: Path) -> dict[str, Any]:
    """Return optuna.json."""
    content: dict[str, Any] = json.loads((folder / "optuna.json").read_text(encoding="utf-8"))
    return content
