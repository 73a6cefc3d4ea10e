"""The comparison as a table: its columns, rows and their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.latency import Measured
from yolograft.analysis.row import Row
from yolograft.analysis.variants import Variant
from yolograft.common.errors import UserError
from yolograft.common.expression import Expression, no_such_name
from yolograft.common.metrics import BY_KEY, COSTS, METRICS
from yolograft.render.bench import conditions
from yolograft.render.columns import Column, all_columns, export_columns, setting_column

_FORMER_KEYS = {"told": "significant"}
"""Columns by the keys that they had up to version 0.1."""


@dataclass(frozen=True)
class Table:
    """The part of a comparison that is shown.

    Attributes:
        comparison: All of it; differences and corrections do not depend on what is shown.
        columns: The columns shown.
        rows: The rows shown, in order.
        chosen: Whether the columns were chosen by name.
    """

    comparison: Comparison
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    chosen: bool = False

    def places(self, column: Column) -> dict[int, int]:
        """Return the rank (1 best, 2 second) of rows by number, as the column is printed; ties share a rank."""
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
        """The notes under the table, which explain its marks and signs."""
        return tuple(_notes(self))


def table(
    comparison: Comparison, columns: Sequence[str] = (), sort: str | None = None, filter: str | None = None
) -> Table:
    """Choose the columns and rows that are shown.

    Args:
        comparison: The comparison.
        columns: Keys of the columns, or settings; `all` for all columns; by default the usual ones that have values.
        sort: A column's key, the better value first, or else the smaller, or alphabetically; a leading `-` reverses
            the order. Rows without a value come last.
        filter: An expression on columns and settings, such as `neck == 'gsconv' and params < 3e6`.

    Raises:
        UserError: A column or setting does not exist, or the expression cannot be parsed.
    """
    variants = [row.variant for row in comparison.rows]
    bench = comparison.bench
    condition = check_words(variants, comparison.groups, comparison.metric, columns, sort, filter, bench)
    known = all_columns(comparison.groups, comparison.metric, bench, _exports(variants))
    every = {column.key: column for column in known}
    shown = list(every) if "all" in columns else columns or _usual(comparison, every)
    every |= {former: every[key] for former, key in _FORMER_KEYS.items()}
    every |= {key: setting_column(key) for key in _settings(variants) if key not in every}
    rows = list(comparison.rows)
    if condition:
        rows = [row for row in rows if condition.holds(partial(_named, row, every))]
    if sort is not None:
        rows = _sorted(rows, every[sort.removeprefix("-")], reverse=sort.startswith("-"))
    return Table(comparison, tuple(every[name] for name in shown), tuple(rows), chosen=bool(columns))


def check_words(
    variants: Sequence[Variant],
    groups: Sequence[str],
    metric: str,
    columns: Sequence[str] = (),
    sort: str | None = None,
    filter: str | None = None,
    bench: Sequence[Measured] = (),
) -> Expression | None:
    """Refuse what `table` would refuse, before anything is computed.

    Args:
        variants: The variants of the comparison.
        groups: What varies.
        metric: What is compared.
        columns: As of `table`.
        sort: As of `table`.
        filter: As of `table`.
        bench: What was measured of the latency.

    Returns:
        The expression to filter by, if there is one.

    Raises:
        UserError: A column or setting does not exist, or the expression cannot be parsed.
    """
    shown = [column.key for column in all_columns(groups, metric, bench, _exports(variants))]
    known = [*shown, *_FORMER_KEYS, *_settings(variants)]
    for name in columns:
        if name not in known and name != "all":
            raise UserError(f"columns={name}: {_no_such(name, known, shown)}")
    if sort is not None and (name := sort.removeprefix("-")) not in known:
        raise UserError(f"sort={sort}: {_no_such(name, known, shown)}")
    if filter is None:
        return None
    expression = Expression("filter", filter)
    if latency := next((name for name in expression.names if name not in known and name.startswith("latency")), None):
        raise UserError(f"filter={filter}: {_no_such(latency, known, shown)}")
    expression.check_names(known, shown)
    return expression


def _usual(comparison: Comparison, every: dict[str, Column]) -> list[str]:
    """Return the default columns: none that is empty or the same everywhere by default, no derived values."""
    groups = comparison.groups or ("variant",)
    names = [*groups, "folder", "n", comparison.metric, "difference", "interval", "significant", *METRICS]
    names += [key for key in COSTS if BY_KEY[key].stored != "derived"]
    labels = _exports([row.variant for row in comparison.rows])
    latencies = [each.key for each in comparison.bench]
    exported = [key for label in labels for key in (*_keys(label), f"{label}_latency") if key in every]
    names += [*(key for key in latencies if key not in exported), "parts", *exported, "status"]

    def has_information(name: str) -> bool:
        values = {every[name].value(row) for row in comparison.rows}
        if name in ("n", "status"):
            return bool(values - ({0, 1} if name == "n" else {"finished"}))
        if name == "folder":  # only where nothing else distinguishes the rows
            return any(row.variant.folder for row in comparison.rows)
        if name in exported and name.endswith("_status"):
            return bool(values - {None, "good"})
        return name in groups or name == comparison.metric or bool(values - {None, ""})

    return [name for name in dict.fromkeys(names) if has_information(name)]


def _keys(label: str) -> list[str]:
    """Return the keys of the columns of an export."""
    return [column.key for column in export_columns(label)]


def _exports(variants: Sequence[Variant]) -> list[str]:
    """Return the label of every export that some variant has."""
    return sorted({label for variant in variants for label in variant.exports})


def _settings(variants: Sequence[Variant]) -> list[str]:
    """Return every setting that some variant has."""
    return sorted({key for variant in variants for key in variant.settings})


def _named(row: Row, columns: dict[str, Column], name: str) -> Any:
    """Return the value of a name in an expression; a group both as `effv1` and as its column has it, `effv1-b0`."""
    value, setting = columns[name].value(row), row.variant.settings.get(name)
    return (setting, value) if setting is not None and setting != value else value


def _sorted(rows: Sequence[Row], column: Column, reverse: bool) -> list[Row]:
    known = [row for row in rows if column.value(row) is not None]
    known.sort(key=lambda row: _sortable(column.value(row)), reverse=(column.better == "more") != reverse)
    return known + [row for row in rows if column.value(row) is None]


def _sortable(value: Any) -> tuple[bool, float, str]:
    """Return a sort key: numbers, also those that are text, by size; then text."""
    try:
        return (False, float(value), "")
    except ValueError:
        return (True, 0.0, str(value))


def _no_such(name: str, known: Sequence[str], shown: Sequence[str]) -> str:
    if name.startswith("latency") and not any(key.endswith("latency") for key in shown):
        return (
            "the report has no latency: a single timing at the end of a training does not compare machines or moments; "
            "gflops and params are there, and yolograft bench sweep=FOLDER measures latency"
        )
    return no_such_name(name, known, shown, "column")


def _notes(shown: Table) -> list[str]:
    comparison, keys = shown.comparison, {column.key for column in shown.columns}
    notes = []
    compared = [row.difference for row in comparison.rows if row.difference]
    if "difference" in keys and compared:
        line = f"Δ {comparison.metric}: minus the baseline's, paired by {comparison.paired_by}"
        if "interval" in keys and any(one.low is not None for one in compared):
            line += "; 95 % interval of the mean difference (t)"
        if "significant" in keys and (tested := sum(one.p is not None for one in compared)):
            line += f"; ≠ 0: significant at 5 %, corrected for {tested} comparisons (Holm)"
        notes.append(line)
    if any(
        row.statistics[comparison.metric].sd is not None for row in shown.rows if comparison.metric in row.statistics
    ):
        notes.append(f"±: standard deviation over {comparison.over}")
    if "difference" in keys and any(row.difference and row.confounds for row in shown.rows):
        notes.append("†: confounded, see below")
    for bench in (each for each in comparison.bench if each.key in keys):
        more = f"; {bench.cells - 1} more ways in bench.json" if bench.cells > 1 else ""
        busy = "; the machine was busy, so nothing is ranked by it" if not bench.cell.ranked else ""
        name, when = bench.key.replace("_", " "), bench.cell.measured.partition("T")[0]
        notes.append(
            f"{name}: median of a batch with its 95 % interval, {conditions(bench.cell)} on {bench.cell.host}, "
            f"{when}{busy} (yolograft bench{more})"
        )
    marks = {row.variant.choices.get("settings") for row in shown.rows}
    notes += [f"{mark}: {text}" for mark, text in comparison.marks.items() if mark in marks]
    return notes
