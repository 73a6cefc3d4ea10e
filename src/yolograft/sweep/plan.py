"""`plan=true`: what a command would do, what each run costs, and what is done already."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from yolograft.common.files import atomic_write
from yolograft.common.parsing import json_document
from yolograft.common.text import gflops_text, markup
from yolograft.common.times import duration
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.runs.states import exhausted, state_of
from yolograft.sweep.constraint import Dropped
from yolograft.sweep.measure import Data, Measurer, Variant, measurer, step_seconds

#: A validation's share of the work that a training step does on an image: it goes forward only.
_VALIDATION = 0.33

_WORDS = {"stopped": "goes on", "failed": "failed: again", "running": "running"}


@dataclass(frozen=True)
class Planned:
    """One run of a plan.

    Attributes:
        name: The run's folder.
        state: `finished`, `running`, `failed`, `stopped`, `to do` or `dropped`.
        reason: Why it is left out, if it is.
        variant: What it weighs.
        seconds: Estimate of what is left to train; None where nothing tells.
        choices: The option chosen in each config group.
        overrides: What its config is made from.
    """

    name: str
    state: str
    reason: str
    variant: Variant
    seconds: float | None
    choices: dict[str, str] = field(repr=False)
    overrides: list[str] = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """The runs of a command.

    Attributes:
        runs: In the order in which they would be trained.
        basis: What the times are estimated from.
    """

    runs: list[Planned]
    basis: str

    def save(self, file: Path) -> None:
        """Write the plan as JSON."""
        content = {"estimated_from": self.basis, "runs": [asdict(run) for run in self.runs]}
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, json_document(content))

    def print(self) -> None:
        """Print the plan as a table."""
        console = Console()
        if not console.is_terminal:
            console = Console(width=160)
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("run", overflow="fold")
        for heading in ("parameters", "GFLOPs", "memory ≈", "time ≈"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("state", overflow="fold")
        for run in self.runs:
            weights = (f"{run.variant.params:,}", gflops_text(run.variant.gflops), f"{run.variant.memory_gb:.1f} GB")
            time = duration(run.seconds) if run.seconds else "?" if run.seconds is None else ""
            state = f"{run.state}: {run.reason}" if run.reason else _WORDS.get(run.state, run.state)
            style = "dim" if run.state in ("finished", "dropped") else ""
            table.add_row(markup(run.name), *weights, time, markup(state), style=style)
        console.print(table)
        left = [run for run in self.runs if run.state not in ("finished", "dropped") and not run.reason]
        known = [run.seconds for run in left if run.seconds is not None]
        total = f"about {duration(sum(known))} one after the other" if len(known) == len(left) else "time unknown"
        console.print(markup(f"{len(left)} of {len(self.runs)} runs to train, {total}. {self.basis}"))


def make_plan(jobs: Sequence[RunSpec], dropped: Sequence[Dropped]) -> Plan:
    """Look at what a command would do; trains nothing, and makes no run's folder.

    Args:
        jobs: The runs to train.
        dropped: The runs that a constraint leaves out.
    """
    known = measurer()
    states = {job.folder: state_of(job.folder, job.identity) for job in jobs}
    todo = [job for job in jobs if states[job.folder] != "finished"]
    epoch, basis = _seconds_per_epoch(jobs, todo, known)
    runs = []
    for job in jobs:
        state = states[job.folder]
        tired = state == "failed" and exhausted(job)
        reason = f"{job.config['attempts']} times, left out" if tired else ""
        left = 0.0 if state == "finished" or tired else _epochs_left(job) * epoch(job)
        runs.append(_planned(job, state, reason, known, left))
    runs += [_planned(job, "dropped", reason, known, 0.0) for job, reason in dropped]
    return Plan(runs, basis)


def _planned(job: RunSpec, state: str, reason: str, known: Measurer, seconds: float) -> Planned:
    left = None if math.isnan(seconds) else seconds
    return Planned(job.name, state, reason, known.variant(job.config), left, dict(job.choices), list(job.overrides))


def _epochs_left(job: RunSpec) -> int:
    record = RunRecord.read(job.folder)
    done = record.epochs_done or 0 if record is not None and record.identity == job.identity else 0
    return max(int(job.config["epochs"]) - done, 0)


@dataclass(frozen=True)
class _Pace:
    """How long an epoch takes.

    Attributes:
        seconds: For one GFLOP of the model and one unit of work.
        measurer: Knows the models.
        images: Whether a unit of work is an image, or an epoch.
    """

    seconds: float
    measurer: Measurer
    images: bool

    def __call__(self, job: RunSpec) -> float:
        """Return the seconds of one epoch of a job; nan where the number of images is not known."""
        work = _images(self.measurer.data(job.config), job.config["fraction"]) if self.images else 1.0
        return self.seconds * self.measurer.variant(job.config).gflops * work


def _images(data: Data, fraction: float) -> float:
    if data.train is None or data.val is None:
        return math.nan
    return data.train * fraction + data.val * _VALIDATION


def _seconds_per_epoch(jobs: Sequence[RunSpec], todo: Sequence[RunSpec], known: Measurer) -> tuple[_Pace, str]:
    """Return how long epochs take, from the sweep's own finished runs, or else from a short measurement."""
    done = [job for job in jobs if job not in todo]
    paces = []
    for job in done:
        record = RunRecord.read(job.folder) or RunRecord()
        if record.seconds and record.epochs_done:
            gflops = known.variant(job.config).gflops
            paces.append(record.seconds / record.epochs_done / max(gflops, 1e-6))
    if paces:
        return _Pace(fmean(paces), known, images=False), f"Estimated from {len(paces)} finished runs, by GFLOPs."
    todo = [job for job in todo if known.data(job.config).train is not None]
    if not todo:
        return _Pace(math.nan, known, images=False), ""
    smallest = min(todo, key=lambda job: known.variant(job.config).gflops)
    seconds = step_seconds(smallest.config, known.data(smallest.config).nc)
    gflops = max(known.variant(smallest.config).gflops, 1e-6)
    return _Pace(seconds / gflops, known, images=True), f"Estimated from a few steps of {smallest.name}, by GFLOPs."
