"""`constraint="params<3e6 and gflops<7"`: which variants of a sweep are trained."""

from collections.abc import Sequence
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.expression import Expression
from yolograft.common.metrics import BUILT, METRICS
from yolograft.common.nested import dotted
from yolograft.common.parts import ATTENTION, PARTS
from yolograft.runs.spec import RunSpec

MEASURED = (*BUILT, *(f"{part}_params" for part in (*PARTS, ATTENTION)))
"""Costs that are known before training, once the variant is built."""

Dropped = tuple[RunSpec, str]
"""A run that is not to be trained, and why."""


def select(jobs: Sequence[RunSpec]) -> tuple[list[RunSpec], list[Dropped]]:
    """Divide runs into those that satisfy their `constraint=` and those that do not.

    A constraint may name the costs in `MEASURED`, config groups and dotted settings. What is known only after training
    (`mAP50-95`) is refused.

    Args:
        jobs: The runs.

    Returns:
        The runs to train, and the others with their values: `params=9,458,752, gflops=21.7`.

    Raises:
        UserError: A constraint cannot be parsed, names what no run has, or compares text with a number.
    """
    constraints = {
        text: Expression("constraint", text, strict=True) for job in jobs if (text := job.config["constraint"])
    }
    for job in jobs:  # all are refused before any variant is built
        if (text := job.config["constraint"]) is not None:
            shown = [*MEASURED, *job.choices, *(key for key in _settings(job) if "." not in key)]
            if late := [name for name in constraints[text].names if name in METRICS]:
                raise UserError(
                    f"constraint={text}: {late[0]} is known only after training; report takes it in filter="
                )
            constraints[text].check_names([*MEASURED, *_settings(job)], list(dict.fromkeys(shown)))
    kept: list[RunSpec] = []
    dropped: list[Dropped] = []
    for job in jobs:
        if (text := job.config["constraint"]) is None:
            kept.append(job)
            continue
        values, constraint = _settings(job), constraints[text]
        if not set(constraint.names).isdisjoint(MEASURED):
            from yolograft.sweep.measure import measurer

            values |= measurer().variant(job.config).values
        if constraint.holds(values.get):
            kept.append(job)
        else:
            dropped.append((job, ", ".join(f"{name}={_shown(values[name])}" for name in sorted(constraint.names))))
    return kept, dropped


def _settings(job: RunSpec) -> dict[str, Any]:
    """Return the settings of a run by dotted key; a config group by the chosen option."""
    return {**dict(dotted(job.config)), **job.choices}


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
