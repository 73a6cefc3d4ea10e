"""The columns of a table: value, text and direction of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from yolograft.analysis.effects import Effect
from yolograft.analysis.latency import Measured
from yolograft.analysis.row import Row
from yolograft.common.metrics import BY_KEY, COSTS, METRIC, METRICS, Measure, millions, three_digits
from yolograft.common.parts import ATTENTION, PARTS


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        key: Its name in `columns=`, `sort=` and `filter=`.
        heading: Its heading.
        value: A row's value: a number, a text, or None where it is unknown.
        text: A row's value as printed.
        better: Whether more or less is better; None where neither is.
        number: Whether it is a number, hence right-aligned.
        drop_priority: Which columns a narrow terminal drops first: those with the highest number; 0 never.
    """

    key: str
    heading: str
    value: Callable[[Row], Any]
    text: Callable[[Row], str]
    better: Literal["more", "less"] | None = None
    number: bool = True
    drop_priority: int = 0


def all_columns(
    groups: Sequence[str], metric: str, bench: Sequence[Measured] = (), exports: Sequence[str] = ()
) -> list[Column]:
    """Return all columns: the groups that vary, then statistics, metrics, costs, exports and status.

    Args:
        groups: What varies.
        metric: What is compared.
        bench: What was measured of the latency.
        exports: Labels of the exports that runs have.
    """
    metrics = list(dict.fromkeys([metric, *METRICS]))
    return [
        *(_choice(group, first=place == 0) for place, group in enumerate(groups)),
        _words("variant", lambda row: row.variant.label),
        _words("folder", _folder),
        Column("n", "n", lambda row: row.n, lambda row: str(row.n), drop_priority=1),
        _words("seeds", lambda row: ", ".join(dict.fromkeys(str(run.seed) for run in row.variant.finished))),
        _metric(metric, drop_priority=0),
        Column("difference", f"Δ {metric}", _difference("value"), _difference_text, "more"),
        Column("interval", "95 % interval", _difference("low"), _interval_text, drop_priority=2),
        Column("significant", "≠ 0", _difference("significant"), _significant_text, number=False, drop_priority=1),
        Column("p", "p", _difference("p"), lambda row: _p_text(_difference("p")(row))),
        Column("p_holm", "p (Holm)", _difference("p_holm"), lambda row: _p_text(_difference("p_holm")(row))),
        *(_metric(name, drop_priority=BY_KEY[name].drop_priority) for name in metrics[1:]),
        *(_cost(BY_KEY[key]) for key in COSTS),
        *map(_latency, bench),
        Column("parts", "/".join(PARTS), _parts, lambda row: _parts(row) or "", drop_priority=12),
        *(_part(name) for name in (*PARTS, ATTENTION)),
        *(_change(BY_KEY[key]) for key in COSTS),
        *(column for label in exports for column in export_columns(label)),
        Column("best_epoch", "best epoch", _best_epoch, _best_epoch_text),
        Column("epochs_done", "epochs", _epochs, lambda row: "" if (done := _epochs(row)) is None else f"{done:.0f}"),
        Column("failed", "failed", _failed, lambda row: str(_failed(row))),
        _words("status", lambda row: row.variant.status),
    ]


def setting_column(key: str) -> Column:
    """Return the column of a setting, by its dotted key."""
    return _words(key, lambda row: row.variant.settings.get(key))


def _choice(group: str, first: bool) -> Column:
    def text(row: Row) -> str:
        nameless = first and not any(row.variant.choices.values())
        return row.variant.label if nameless else row.variant.choices[group]

    return Column(group, group, lambda row: row.variant.choices[group] or None, text, number=False)


def _words(key: str, value: Callable[[Row], str | None]) -> Column:
    return Column(key, key, value, lambda row: value(row) or "", number=False)


def _folder(row: Row) -> str:
    """Return the folder that distinguishes a variant, or else the folders of its runs."""
    return row.variant.folder or ", ".join(dict.fromkeys(run.sweep for run in row.variant.runs))


def _metric(name: str, drop_priority: int) -> Column:
    def value(row: Row) -> float | None:
        return row.statistics[name].mean if name in row.statistics else None

    def text(row: Row) -> str:
        if (summary := row.statistics.get(name)) is None:
            return ""
        return f"{summary.mean:.3f}" if summary.sd is None else f"{summary.mean:.3f} ± {summary.sd:.3f}"

    return Column(name, name, value, text, "more", drop_priority=drop_priority)


def _better(measure: Measure) -> Literal["more", "less"]:
    return "more" if measure.better == "max" else "less"


def _cost(measure: Measure) -> Column:
    """Return the column of a cost."""

    def value(row: Row) -> float | None:
        return row.variant.cost(measure.key)

    def text(row: Row) -> str:
        return "" if (known := value(row)) is None else measure.text(known)

    return Column(measure.key, measure.label, value, text, _better(measure), drop_priority=measure.drop_priority)


def export_columns(label: str) -> list[Column]:
    """Return the columns of an export: mAP and size of its file, and what became of it.

    Args:
        label: The export's, such as `onnx_int8`.
    """
    title, size = label.replace("_", " "), BY_KEY["size"]

    def value(key: str) -> Callable[[Row], Any]:
        return lambda row: row.variant.exports.get(label, {}).get(key)

    def text(key: str, write: Callable[[Any], str]) -> Callable[[Row], str]:
        return lambda row: "" if (known := value(key)(row)) is None else write(known)

    return [
        Column(
            *(f"{label}_{METRIC}", f"{title} {METRIC}", value(METRIC), text(METRIC, BY_KEY[METRIC].text), "more"),
            drop_priority=7,
        ),
        Column(
            *(f"{label}_size", f"{title} size", value("size"), text("size", size.text), "less"),
            drop_priority=size.drop_priority,
        ),
        Column(
            *(f"{label}_status", f"{title} status", value("status"), text("status", str)),
            number=False,
            drop_priority=4,
        ),
    ]


def _latency(bench: Measured) -> Column:
    """Return the column of a latency; the best is marked where it is told from all others, on a quiet machine."""

    def value(row: Row) -> float | None:
        return found.median * 1e3 if (found := row.latency.get(bench.key)) else None

    def text(row: Row) -> str:
        if (found := row.latency.get(bench.key)) is None:
            return ""
        interval = found.low is not None and found.high is not None
        ends = f" [{milliseconds(found.low or 0)}, {milliseconds(found.high or 0)}]" if interval else ""
        return f"{milliseconds(found.median)}{ends}"

    fastest = min(bench.by_run.values(), key=lambda one: one.median)
    better: Literal["less"] | None = "less" if bench.cell.ranked and not fastest.alike else None
    return Column(bench.key, f"{bench.key.replace('_', ' ')}, ms", value, text, better, drop_priority=4)


def milliseconds(seconds: float) -> str:
    """Return seconds in milliseconds with three digits: `0.123`, `1.23`, `12.3`, `123`."""
    value = seconds * 1e3
    return f"{value:.3f}" if value < 0.9995 else three_digits(value)


def _part(name: str) -> Column:
    def text(row: Row) -> str:
        return millions(row.variant.parts[name]) if name in row.variant.parts else ""

    return Column(f"{name}_params", f"{name} params", lambda row: row.variant.parts.get(name), text, "less")


def _change(measure: Measure) -> Column:
    def value(row: Row) -> float | None:
        return row.relative.get(measure.key)

    def text(row: Row) -> str:
        return "" if (share := value(row)) is None else f"{round(share * 100, 1) + 0.0:+.1f} %"

    return Column(f"{measure.key}_change", f"Δ {measure.label}", value, text, _better(measure))


def _difference(name: str) -> Callable[[Row], Any]:
    return lambda row: None if row.difference is None else getattr(row.difference, name)


def _difference_text(row: Row) -> str:
    if row.baseline:
        return "baseline"
    return "" if row.difference is None else signed(row.difference.value) + ("†" if row.confounds else "")


def _interval_text(row: Row) -> str:
    if row.difference is None or row.difference.low is None or row.difference.high is None:
        return ""
    return f"[{signed(row.difference.low)}, {signed(row.difference.high)}]"


def _significant_text(row: Row) -> str:
    significant = row.difference.significant if row.difference else None
    return "" if significant is None else "yes" if significant else "no"


def _parts(row: Row) -> str | None:
    parts = row.variant.parts
    return "/".join(f"{parts[name] / 1e6:.2f}" for name in PARTS) if all(name in parts for name in PARTS) else None


def _epochs(row: Row) -> float | None:
    done = [run.epochs_done for run in row.variant.finished if run.epochs_done is not None]
    return fmean(done) if done else None


def _best_epoch(row: Row) -> float | None:
    """Return the mean, over the finished runs, of the epoch of their best weights."""
    known = [run.best_epoch for run in row.variant.finished if run.best_epoch is not None]
    return fmean(known) if known else None


def _best_epoch_text(row: Row) -> str:
    return "" if (epoch := _best_epoch(row)) is None else f"{epoch:.1f}".removesuffix(".0")


def _failed(row: Row) -> int:
    return sum(run.status in ("failed", "damaged") for run in row.variant.runs)


def signed(value: float) -> str:
    """Return a difference with its sign; adding 0.0 turns a rounded -0.000 into +0.000."""
    return f"{round(value, 3) + 0.0:+.3f}"


def _p_text(value: float | None) -> str:
    return "" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


EFFECT_HEADINGS = ("choice", "effect", "95 % interval", "runs")


def effect_cells(effect: Effect) -> tuple[str, str, str, str]:
    """Return an effect as texts under `EFFECT_HEADINGS`: `neck=gsconv`, or `backbone=effv1 × neck=gsconv`."""
    choice = " × ".join(f"{g}={level or '-'}" for g, level in zip(effect.groups, effect.levels, strict=True))
    known = effect.low is not None and effect.high is not None
    interval = f"[{signed(effect.low or 0)}, {signed(effect.high or 0)}]" if known else ""
    return choice, signed(effect.value), interval, str(effect.n)
