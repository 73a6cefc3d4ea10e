"""What a search may be asked for: objectives, and ranges in Hydra's own words. Neither optuna nor torch is needed."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationInfo, field_validator

from yolograft.common.errors import UserError
from yolograft.common.files import read_text
from yolograft.common.metrics import BY_KEY, METRICS, OBJECTIVES, Objective
from yolograft.common.parsing import parse_json
from yolograft.common.suggestions import did_you_mean
from yolograft.config.check import check_values
from yolograft.runs.identity import identity
from yolograft.sweep.executors.settings import keys

#: What a search has found so far, in the sweep's folder.
RESULT = "optuna.json"
#: What can be searched for, and whether more of it is better. `seconds` are the training's.
DIRECTIONS = {key: BY_KEY[key].direction for key in OBJECTIVES}


class Search(BaseModel):
    """The keys of `hydra.sweeper` with `hydra/sweeper=optuna`; conf/hydra/sweeper/optuna.yaml explains them."""

    model_config = ConfigDict(extra="forbid")

    n_trials: PositiveInt
    n_jobs: PositiveInt
    objectives: Annotated[
        list[Objective],
        BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
        Field(min_length=1),
    ]
    sampler: Literal["tpe", "nsga2", "random"]
    seed: Annotated[int, Field(ge=0)]
    pruner: Literal["none", "median", "hyperband"]
    prune_after_trials: PositiveInt
    prune_after_epochs: Annotated[int, Field(ge=0)]
    params: dict[str, Any] | None

    @field_validator("objectives")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("each may be named once")
        return value

    @field_validator("pruner")
    @classmethod
    def _one_metric_to_prune_by(cls, value: str, info: ValidationInfo) -> str:
        objectives = info.data.get("objectives", [])
        if value != "none" and len(objectives) > 1:
            raise ValueError(f"a search for {len(objectives)} objectives cannot be pruned, only one for a metric")
        if value != "none" and objectives and objectives[0] not in METRICS:
            raise ValueError(f"{objectives[0]} is not known after each epoch; prune by one of {', '.join(METRICS)}")
        return value


class Grid(BaseModel):
    """The keys of `hydra.sweeper` without a search; conf/hydra/sweeper/grid.yaml explains them."""

    model_config = ConfigDict(extra="forbid")

    max_batch_size: Annotated[int, Field(ge=0)] | None
    params: dict[str, Any] | None


SWEEPERS: dict[str, type[BaseModel]] = {"basic": Grid, "grid": Grid, "optuna": Search}
"""What the keys of `hydra.sweeper` must be, by the word after `hydra/sweeper=`; `basic` is Hydra's default."""


def check_sweeper(word: str, values: Mapping[str, Any]) -> Search | None:
    """Refuse a sweeper that is not known, and keys that it does not have.

    Args:
        word: After `hydra/sweeper=`.
        values: The keys of `hydra.sweeper`, with `kind` where its YAML file says one.

    Returns:
        The settings of a search; None for a grid.

    Raises:
        UserError: It cannot be used.
    """
    kind = word if word == "basic" else str(values.get("kind"))
    if kind not in SWEEPERS:
        near = did_you_mean(kind if word in SWEEPERS else word, SWEEPERS)
        said = f"hydra.sweeper.kind={kind}" if word in SWEEPERS else f"hydra/sweeper={word}"
        raise UserError(f"{said}: no sweeper of yolograft's{near} Known: {', '.join(SWEEPERS)}")
    own = keys(values)
    check_values(SWEEPERS[kind], own, prefix="hydra.sweeper.")
    return Search.model_validate(own) if kind == "optuna" else None


def axes(overrides: Iterable[Override]) -> dict[str, Override]:
    """Return what is searched, by key; of two overrides of a key the later one counts."""
    last = {override.get_key_element(): override for override in overrides}
    return {key: override for key, override in last.items() if override.is_sweep_override()}


def check_space(overrides: Sequence[Override]) -> None:
    """Refuse a search without a search space, with a range that cannot be drawn from, or without optuna.

    Raises:
        UserError: Naming the override and what would be right.
    """
    found = axes(overrides)
    if not found:
        raise UserError(
            "hydra/sweeper=optuna: nothing to search; give a key several values or a range, as backbone=yolo11,effv1 "
            "or 'optim.lr0=tag(log, interval(1e-4, 1e-2))'"
        )
    for key, override in found.items():
        if key.startswith("hydra"):
            raise UserError(f"{override.input_line}: several values are written in brackets, [a,b]")
        ends(override)
    if find_spec("optuna") is None:
        raise UserError("hydra/sweeper=optuna: optuna is not installed: pip install 'yolograft[optuna]'")


def ends(override: Override) -> list[str]:
    """Return the values that must be valid for all to be: each choice, or both ends of a range, as Hydra reads them."""
    value, line = override.value(), override.input_line
    tags = set(getattr(value, "tags", ()))
    if unknown := tags - {"log"}:
        raise UserError(f"{line}: tag({', '.join(sorted(unknown))}) means nothing here; only log is known")
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        if low is None or high is None or not low < high:
            raise UserError(f"{line}: an interval goes from a smaller to a larger number")
        found: list[Any] = [low, high]
    elif isinstance(value, RangeSweep):
        steps = numbers(value)
        if not steps:
            raise UserError(f"{line}: this range is empty; its end does not belong to it")
        if "log" in tags and not (isinstance(steps[0], int) and abs(value.step) == 1):
            raise UserError(f"{line}: on a logarithmic scale a range has whole numbers and no step; use interval")
        found = [steps[0], steps[-1]]
    elif "log" in tags:
        raise UserError(f"{line}: a logarithmic scale needs numbers: tag(log, interval(1e-4, 1e-2))")
    else:
        return list(override.sweep_string_iterator())
    if "log" in tags and min(found) <= 0:
        raise UserError(f"{line}: a logarithmic scale begins above 0")
    return [str(number) for number in found]


def numbers(value: RangeSweep) -> list[int] | list[float]:
    """Return a range's numbers in growing order, without the noise of adding: 0.3, not 0.30000000000000004."""
    found = list(value.range())
    return sorted(number if isinstance(number, int) else float(f"{number:.12g}") for number in found)


def probes(overrides: Sequence[Override]) -> Iterable[list[str]]:
    """Yield the overrides of jobs that show every value of a search space once, in few jobs rather than in all.

    The first has the first value of everything; each other one differs from it in one key.
    """
    lines: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        lines.pop(key, None)
        if override.is_sweep_override():
            lines[key] = [f"{key}={value}" for value in ends(override)]
        else:
            lines[key] = [override.input_line or ""]
    first = {key: values[0] for key, values in lines.items()}
    yield list(first.values())
    for key, values in lines.items():
        for line in values[1:]:
            yield list({**first, key: line}.values())


def signature(search: Search, overrides: Iterable[Override], first: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must stay for a search to be carried on: its trials would not be comparable otherwise.

    Args:
        search: The sweeper's settings.
        overrides: The command line's, `hydra.sweeper.params` included.
        first: The config of the first of its `probes`: it stands for what is not searched.
    """
    space = {key: override.get_value_string().replace(" ", "") for key, override in axes(overrides).items()}
    return {"objectives": search.objectives, "space": space, "rest": identity(first)}


def check_folder(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Refuse to carry on another search than the one that a folder holds.

    Raises:
        UserError: Naming what differs.
    """
    try:
        held = parse_json(read_text(folder / RESULT))["search"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if not isinstance(held, dict):
        return
    for what, said in (("objectives", "for"), ("space", "in"), ("rest", "with other settings, identity")):
        if held.get(what) != wanted[what]:
            found = held.get(what)
            text = " ".join(f"{k}={v}" for k, v in found.items()) if isinstance(found, dict) else found
            raise UserError(f"{folder} holds a search {said} {text}; give this one a folder of its own: name=NAME")


def holds_search(folder: Path, wanted: Mapping[str, Any]) -> bool:
    """Whether a folder holds this very search, begun earlier."""
    try:
        held = parse_json(read_text(folder / RESULT))["search"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(held == wanted)


def refuse_intervals(overrides: Iterable[Override]) -> None:
    """Refuse, for a grid, what only a search can draw from.

    Raises:
        UserError: Naming the override.
    """
    for override in overrides:
        if override.is_interval_sweep():
            raise UserError(f"{override.input_line}: an interval has no list of values; add hydra/sweeper=optuna")
