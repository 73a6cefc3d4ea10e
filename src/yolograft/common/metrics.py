"""The table of metrics and costs: what a run is measured by, what each is called and whether more of it is better.

Everything that names a metric or a cost reads it from here: the objectives of a search, the columns of a report, the
schema of `metric=`, the names of a `constraint=`, the values that loggers are given, what is read from run.json.

To add a column that is computed from other values, add an entry of `MEASURES` with `stored="derived"` and `derive`. It
is in CSV and JSON, `filter=` and `sort=` know it, and a table shows it where `columns=` names it:

    Measure(
        key="params_per_map", kind="cost", label="params/mAP", better="min", stored="derived", known="end",
        text=millions, derive=lambda run: run["params"] / run["mAP50-95"],
    )

To add a cost that a training measures, add an entry with `stored="record"`, and the line that measures it: pass the
value to `RecordWriter.update` under the entry's key. `training/prepare.py` does so for what is known once the model is
built, `training/callbacks/journal.py` after each epoch, `training/measure.py` at the end.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from yolograft.common.text import gflops_text
from yolograft.common.times import duration


@dataclass(frozen=True)
class Measure:
    """A metric or a cost.

    Attributes:
        key: Its name in run.json, in `columns=`, `sort=`, `filter=` and `hydra.sweeper.objectives`.
        kind: `metric` (how good the detector is, 0…1) or `cost` (what it takes).
        label: What stands above a column of it.
        better: Whether the largest or the smallest value is the best.
        stored: Where a run keeps it: in run.json's `metrics`, beside them in run.json itself (`record`), as the size
            of the file of weights (`weights`), computed by `derive` (`derived`), or nowhere (None: only known of a
            variant before it is trained).
        known: When it is known: once the model is built (the same for all seeds), after each `epoch`, or at the `end`.
        text: How a table writes a value.
        derive: Computes a derived value from a run's other metrics and costs, by key, and from the derived values
            of earlier entries. A key that the run lacks and a division by zero make the value unknown.
        drop_priority: Which columns a narrow terminal drops first: those with the highest number; 0 never.
        title: What a sentence calls it; its label by default.
        axis: What stands at an axis of it; its title by default.
        tick: How an axis writes a value.
        exact: How a value is written in full, with its unit.
        epoch_column: Its place among the metrics of an epoch in metrics.csv and on the screen.
        short: What the heading of a narrow column says; its label by default.
    """

    key: str
    kind: Literal["metric", "cost"]
    label: str
    better: Literal["max", "min"]
    stored: Literal["metrics", "record", "weights", "derived"] | None
    known: Literal["built", "epoch", "end"]
    text: Callable[[float], str]
    derive: Callable[[Mapping[str, float]], float] | None = None
    drop_priority: int = 0
    title: str = ""
    axis: str = ""
    tick: Callable[[float], str] = "{:g}".format
    exact: Callable[[float], str] = "{:g}".format
    epoch_column: int = 0
    short: str = ""

    def __post_init__(self) -> None:
        if (self.stored == "derived") != (self.derive is not None):
            raise ValueError(f'{self.key}: stored="derived" and derive belong together')
        for name, otherwise in (("title", self.label), ("axis", self.title or self.label), ("short", self.label)):
            if not getattr(self, name):
                object.__setattr__(self, name, otherwise)

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """`better` in Optuna's words."""
        return "maximize" if self.better == "max" else "minimize"


def _metric(key: str, epoch_column: int, short: str = "") -> Measure:
    return Measure(
        key=key,
        kind="metric",
        label=key,
        better="max",
        stored="metrics",
        known="epoch",
        text="{:.3f}".format,
        drop_priority=6,
        exact="{:.4f}".format,
        epoch_column=epoch_column,
        short=short,
    )


def millions(value: float) -> str:
    """Return a number of parameters as a table writes it: `2.624M`."""
    return f"{value / 1e6:.3f}M"


def three_digits(value: float) -> str:
    """Return a number with three digits, but none of them after a number of hundreds: `1.23`, `12.3`, `1234`."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


MEASURES = (
    _metric("mAP50-95", 3),
    _metric("mAP50", 2),
    _metric("precision", 0, short="prec"),
    _metric("recall", 1),
    Measure(
        key="params",
        kind="cost",
        label="params",
        better="min",
        stored="record",
        known="built",
        text=millions,
        drop_priority=3,
        title="parameters",
        tick=lambda value: f"{value / 1e6:g}M",
        exact=lambda value: f"{value:,.0f} parameters",
    ),
    Measure(
        key="gflops",
        kind="cost",
        label="GFLOPs",
        better="min",
        stored="record",
        known="built",
        text=gflops_text,
        drop_priority=5,
        axis="GFLOPs per image",
        exact=lambda value: f"{gflops_text(value)} GFLOPs",
    ),
    Measure(
        key="memory_gb",
        kind="cost",
        label="memory",
        better="min",
        stored=None,
        known="built",
        text=lambda value: f"{value:.1f} GB",
    ),
    Measure(
        key="size",
        kind="cost",
        label="size",
        better="min",
        stored="weights",
        known="end",
        text=lambda value: f"{value / 1e6:.1f} MB",
        drop_priority=10,
    ),
    Measure(
        key="seconds",
        kind="cost",
        label="time",
        better="min",
        stored="record",
        known="end",
        text=duration,
        drop_priority=8,
    ),
    Measure(
        key="images_per_second",
        kind="cost",
        label="images/s",
        better="max",
        stored="record",
        known="end",
        text=three_digits,
        drop_priority=9,
    ),
)

BY_KEY = {measure.key: measure for measure in MEASURES}

METRIC = "mAP50-95"
"""The metric that decides which epoch is the best, and that reports compare by default."""
METRICS = tuple(measure.key for measure in MEASURES if measure.kind == "metric")
"""In the order of importance."""
EPOCH_METRICS = tuple(sorted(METRICS, key=lambda key: BY_KEY[key].epoch_column))
"""In the order in which metrics.csv, the screen and `yolograft val` show them, which is ultralytics'."""
COSTS = tuple(measure.key for measure in MEASURES if measure.kind == "cost" and measure.stored)
"""What a finished run is known to cost, derived values among them."""
RECORDED_COSTS = tuple(measure.key for measure in MEASURES if measure.kind == "cost" and measure.stored == "record")
"""Those of them that stand in run.json."""
BUILT = tuple(measure.key for measure in MEASURES if measure.known == "built" and measure.stored != "derived")
"""What is measured of a variant once its model is built."""
OBJECTIVES = tuple(measure.key for measure in MEASURES if measure.stored in ("metrics", "record"))
"""What a search may look for: whatever run.json holds."""

if TYPE_CHECKING:
    Metric = str
    Objective = str
else:  # as types that pydantic checks
    Metric = Literal[METRICS]
    Objective = Literal[OBJECTIVES]


def derived(values: Mapping[str, float]) -> dict[str, float]:
    """Return the derived values of a run, as far as they are known and finite.

    Args:
        values: The run's metrics and other costs, by key.
    """
    found: dict[str, float] = {}
    for measure in MEASURES:
        if measure.derive is None:
            continue
        try:
            value = measure.derive({**values, **found})
        except (KeyError, ValueError, ArithmeticError):
            continue
        if math.isfinite(value):
            found[measure.key] = value
    return found
