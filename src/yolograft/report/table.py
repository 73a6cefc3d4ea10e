"""The comparison as a table: which columns there are, which are shown, which rows, in which order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any, Literal

from yolograft.config.suggestions import did_you_mean
from yolograft.errors import UserError
from yolograft.report.comparison import METRICS, Comparison, Row
from yolograft.report.condition import Condition
from yolograft.report.effects import Effect
from yolograft.report.variants import Variant

PARTS = ("backbone", "context", "neck", "head")


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        key: Its name in `columns=`, `sort=` and `filter=`.
        heading: What stands above it.
        value: A row's value: a number, a text, or None where it is unknown.
        text: How the table shows it.
        better: Whether more or less is better; None where that is no question.
        number: Whether it is a number, hence flush right.
        spare: How soon a narrow terminal gives it up: the highest first, 0 never.
    """

    key: str
    heading: str
    value: Callable[[Row], Any]
    text: Callable[[Row], str]
    better: Literal["more", "less"] | None = None
    number: bool = True
    spare: int = 0


@dataclass(frozen=True)
class Table:
    """What is shown of a comparison.

    Attributes:
        comparison: All of it; differences and corrections do not depend on what is shown.
        columns: The columns shown.
        rows: The rows shown, in order.
    """

    comparison: Comparison
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def places(self, column: Column) -> dict[int, int]:
        """The rows (by number) that are best (1) and second (2) in a column, as it is shown; ties share a place."""
        if column.better is None or column.key == "difference":  # it ranks as its metric does
            return {}
        known = {place: value for place, row in enumerate(self.rows) if (value := column.value(row)) is not None}
        texts = {place: column.text(self.rows[place]).partition(" ± ")[0] for place in known}
        ranked = sorted(known, key=lambda place: known[place], reverse=column.better == "more")
        best = list(dict.fromkeys(texts[place] for place in ranked))[:2]
        return {
            place: best.index(text) + 1
            for place, text in texts.items()
            if text in best and len(set(texts.values())) > 1
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands under the table: what its marks and signs mean."""
        return tuple(_notes(self))


def table(
    comparison: Comparison, columns: Sequence[str] = (), sort: str | None = None, filter: str | None = None
) -> Table:
    """Chooses what is shown of a comparison.

    Args:
        comparison: The comparison.
        columns: Keys of the columns, or settings; `all` for all columns; by default what most readers want and is known.
        sort: A column's key: the better first, or the smaller, or by the alphabet; `-` before it turns it round. Rows
            where it is unknown come last.
        filter: A condition on columns and settings, such as `neck == 'gsconv' and params < 3e6`.

    Raises:
        UserError: There is no such column or setting, or the condition cannot be read.
    """
    variants = [row.variant for row in comparison.rows]
    condition = check_words(variants, comparison.groups, comparison.metric, columns, sort, filter)
    every = {column.key: column for column in all_columns(comparison.groups, comparison.metric)}
    shown = every if "all" in columns else columns or _usual(comparison, every)
    every |= {key: _setting(key) for key in _settings(variants) if key not in every}
    rows = list(comparison.rows)
    if condition:
        rows = [row for row in rows if condition.holds(partial(_named, row, every))]
    if sort is not None:
        rows = _sorted(rows, every[sort.removeprefix("-")], turned=sort.startswith("-"))
    return Table(comparison, tuple(every[name] for name in shown), tuple(rows))


def check_words(
    variants: Sequence[Variant],
    groups: Sequence[str],
    metric: str,
    columns: Sequence[str] = (),
    sort: str | None = None,
    filter: str | None = None,
) -> Condition | None:
    """Refuses what `table` would, before anything is computed.

    Returns:
        The condition to filter by, if there is one.

    Raises:
        UserError: There is no such column or setting, or the condition cannot be read.
    """
    shown = [column.key for column in all_columns(groups, metric)]
    known = [*shown, *_settings(variants)]
    for name in columns:
        if name not in known and name != "all":
            raise UserError(f"columns={name}: {_no_such(name, known, shown)}")
    if sort is not None and (name := sort.removeprefix("-")) not in known:
        raise UserError(f"sort={sort}: {_no_such(name, known, shown)}")
    if filter is None:
        return None
    condition = Condition("filter", filter)
    for name in condition.names:
        if name not in known:
            raise UserError(f"filter={filter}: {_no_such(name, known, shown)}")
    return condition


def all_columns(groups: Sequence[str], metric: str) -> list[Column]:
    """Every column that there is: what varies, then what is known."""
    metrics = list(dict.fromkeys([metric, *METRICS]))
    return [
        *(_choice(group, first=place == 0) for place, group in enumerate(groups)),
        _words("variant", lambda row: row.variant.label),
        _words("folder", lambda row: row.variant.folder or None),
        Column("n", "n", lambda row: row.n, lambda row: str(row.n), spare=1),
        _words("seeds", lambda row: ", ".join(dict.fromkeys(str(run.seed) for run in row.variant.finished))),
        _metric(metric, spare=0),
        Column("difference", f"Δ {metric}", _difference("value"), _difference_text, "more"),
        Column("interval", "95 % interval", _difference("low"), _interval_text, spare=2),
        Column("told", "≠ 0", _difference("told"), _told_text, number=False, spare=1),
        Column("p", "p", _difference("p"), lambda row: _p_text(_difference("p")(row))),
        Column("p_holm", "p (Holm)", _difference("p_holm"), lambda row: _p_text(_difference("p_holm")(row))),
        *(_metric(name, spare=6) for name in metrics[1:]),
        _cost("params", "params", _millions, spare=3),
        Column("parts", "/".join(PARTS), _parts, lambda row: _parts(row) or "", spare=12),
        *(_part(name) for name in PARTS),
        _cost("gflops", "GFLOPs", "{:.1f}".format, spare=5),
        _cost("size", "size", lambda value: f"{value / 1e6:.1f} MB", spare=10),
        _cost("latency", "latency", lambda value: f"{value:.3g} ms", spare=4),
        _cost("seconds", "time", duration, spare=8),
        _cost("images_per_second", "images/s", "{:.3g}".format, spare=9, better="more"),
        *(_change(name, heading) for name, heading in _CHANGES.items()),
        Column("epochs", "epochs", _epochs, lambda row: "" if (done := _epochs(row)) is None else f"{done:.0f}"),
        Column("failed", "failed", _failed, lambda row: str(_failed(row))),
        _words("status", lambda row: row.variant.status),
    ]


_CHANGES = {
    "params": "Δ params",
    "gflops": "Δ GFLOPs",
    "size": "Δ size",
    "latency": "Δ latency",
    "seconds": "Δ time",
    "images_per_second": "Δ images/s",
}


def _usual(comparison: Comparison, every: dict[str, Column]) -> list[str]:
    """What is shown unless told otherwise; a column that is empty or says nothing is left out."""
    groups = comparison.groups or ("variant",)
    names = [*groups, "folder", "n", comparison.metric, "difference", "interval", "told", *METRICS, "params", "gflops"]
    names += ["latency", "size", "seconds", "images_per_second", "parts", "status"]

    def says_something(name: str) -> bool:
        values = [every[name].value(row) for row in comparison.rows]
        if name in ("n", "status"):
            return len({*values, 1 if name == "n" else "finished"}) > 1
        return name in groups or name == comparison.metric or any(value not in (None, "") for value in values)

    return [name for name in dict.fromkeys(names) if says_something(name)]


def _choice(group: str, first: bool) -> Column:
    def text(row: Row) -> str:
        nameless = first and not any(row.variant.choices.values())
        return row.variant.label if nameless else row.variant.choices[group]

    return Column(group, group, lambda row: row.variant.choices[group] or None, text, number=False)


def _words(key: str, value: Callable[[Row], str | None]) -> Column:
    return Column(key, key, value, lambda row: value(row) or "", number=False)


def _metric(name: str, spare: int) -> Column:
    def value(row: Row) -> float | None:
        return row.statistics[name].mean if name in row.statistics else None

    def text(row: Row) -> str:
        if (summary := row.statistics.get(name)) is None:
            return ""
        return f"{summary.mean:.3f}" if summary.sd is None else f"{summary.mean:.3f} ± {summary.sd:.3f}"

    return Column(name, name, value, text, "more", spare=spare)


def _cost(
    name: str, heading: str, shown: Callable[[Any], str], spare: int, better: Literal["more", "less"] = "less"
) -> Column:
    """A column of what a variant costs, by the name of its property."""

    def text(row: Row) -> str:
        return "" if (value := getattr(row.variant, name)) is None else shown(value)

    return Column(name, heading, lambda row: getattr(row.variant, name), text, better, spare=spare)


def _part(name: str) -> Column:
    def text(row: Row) -> str:
        return _millions(row.variant.parts[name]) if name in row.variant.parts else ""

    return Column(f"{name}_params", f"{name} params", lambda row: row.variant.parts.get(name), text, "less")


def _change(name: str, heading: str) -> Column:
    def value(row: Row) -> float | None:
        return row.relative.get(name)

    def text(row: Row) -> str:
        return "" if (share := value(row)) is None else f"{round(share * 100, 1) + 0.0:+.1f} %"

    return Column(f"{name}_change", heading, value, text, "more" if name == "images_per_second" else "less")


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


def _told_text(row: Row) -> str:
    told = row.difference.told if row.difference else None
    return "" if told is None else "yes" if told else "no"


def _parts(row: Row) -> str | None:
    parts = row.variant.parts
    return "/".join(f"{parts[name] / 1e6:.2f}" for name in PARTS) if all(name in parts for name in PARTS) else None


def _epochs(row: Row) -> float | None:
    done = [run.epochs_done for run in row.variant.finished if run.epochs_done is not None]
    return fmean(done) if done else None


def _failed(row: Row) -> int:
    return sum(run.status in ("failed", "damaged") for run in row.variant.runs)


def _settings(variants: Sequence[Variant]) -> list[str]:
    """Every setting that some variant is known to have."""
    return sorted({key for variant in variants for key in variant.settings})


def _setting(key: str) -> Column:
    return _words(key, lambda row: row.variant.settings.get(key))


def _named(row: Row, columns: dict[str, Column], name: str) -> Any:
    """What a name means in a condition: a group both as `effv1` and as the table tells it, `effv1-b0`."""
    value, setting = columns[name].value(row), row.variant.settings.get(name)
    return (setting, value) if setting is not None and setting != value else value


def _sorted(rows: Sequence[Row], column: Column, turned: bool) -> list[Row]:
    known = [row for row in rows if column.value(row) is not None]
    known.sort(key=lambda row: _sortable(column.value(row)), reverse=(column.better == "more") != turned)
    return known + [row for row in rows if column.value(row) is None]


def _sortable(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, also where they are the text of a setting; then texts."""
    try:
        return (False, float(value), "")
    except ValueError:
        return (True, 0.0, str(value))


def _no_such(name: str, known: Sequence[str], shown: Sequence[str]) -> str:
    near = did_you_mean(name, known)
    return f"there is no such column{near} There are {', '.join(shown)}, and every setting, such as optim.lr0"


def _notes(shown: Table) -> list[str]:
    comparison, keys = shown.comparison, {column.key for column in shown.columns}
    notes = []
    compared = [row.difference for row in comparison.rows if row.difference]
    if "difference" in keys and compared:
        line = f"Δ {comparison.metric}: minus the baseline's, paired by seed"
        if any(one.low is not None for one in compared):
            line += "; 95 % interval of the mean difference (t)"
        if told := sum(one.p is not None for one in compared):
            line += f"; ≠ 0: told from zero at 5 %, corrected for {told} comparisons (Holm)"
        notes.append(line)
    if any(
        row.statistics[comparison.metric].sd is not None for row in shown.rows if comparison.metric in row.statistics
    ):
        notes.append("±: standard deviation over seeds")
    if "difference" in keys and any(row.difference and row.confounds for row in shown.rows):
        notes.append("†: confounded, see below")
    marks = {row.variant.choices.get("settings") for row in shown.rows}
    notes += [f"{mark}: {text}" for mark, text in comparison.marks.items() if mark in marks]
    return notes


def signed(value: float) -> str:
    """A difference with its sign; adding 0.0 to the rounded value turns -0.000 into +0.000."""
    return f"{round(value, 3) + 0.0:+.3f}"


def duration(seconds: float) -> str:
    """Seconds as `48s`, `12m 03s` or `1h 02m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def _millions(value: int) -> str:
    return f"{value / 1e6:.3f}M"


def _p_text(value: float | None) -> str:
    return "" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


EFFECT_HEADINGS = ("choice", "effect", "95 % interval", "runs")


def effect_cells(effect: Effect) -> tuple[str, str, str, str]:
    """An effect as texts under `EFFECT_HEADINGS`: `neck=gsconv`, or `backbone=effv1 × neck=gsconv`."""
    choice = " × ".join(f"{g}={level or '-'}" for g, level in zip(effect.groups, effect.levels, strict=True))
    known = effect.low is not None and effect.high is not None
    interval = f"[{signed(effect.low or 0)}, {signed(effect.high or 0)}]" if known else ""
    return choice, signed(effect.value), interval, str(effect.n)
