"""The comparison as a table: which columns are shown, which rows, in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from yolograft.analysis.columns import Column, all_columns, setting_column
from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row
from yolograft.analysis.variants import Variant
from yolograft.common.errors import UserError
from yolograft.common.expression import Expression, no_such_name
from yolograft.common.metrics import COSTS, METRICS


@dataclass(frozen=True)
class Table:
    """What is shown of a comparison.

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
        columns: Keys of the columns, or settings; `all` for all columns; by default what most readers want and is
            known.
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
    every |= {key: setting_column(key) for key in _settings(variants) if key not in every}
    rows = list(comparison.rows)
    if condition:
        rows = [row for row in rows if condition.holds(partial(_named, row, every))]
    if sort is not None:
        rows = _sorted(rows, every[sort.removeprefix("-")], turned=sort.startswith("-"))
    return Table(comparison, tuple(every[name] for name in shown), tuple(rows), chosen=bool(columns))


def check_words(
    variants: Sequence[Variant],
    groups: Sequence[str],
    metric: str,
    columns: Sequence[str] = (),
    sort: str | None = None,
    filter: str | None = None,
) -> Expression | None:
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
    expression = Expression("filter", filter)
    for name in expression.names:
        if name not in known:
            raise UserError(f"filter={filter}: {_no_such(name, known, shown)}")
    return expression


def _usual(comparison: Comparison, every: dict[str, Column]) -> list[str]:
    """What is shown unless told otherwise; a column that is empty or says nothing is left out."""
    groups = comparison.groups or ("variant",)
    names = [*groups, "folder", "n", comparison.metric, "difference", "interval", "told", *METRICS, *COSTS]
    names += ["parts", "status"]

    def says_something(name: str) -> bool:
        values = {every[name].value(row) for row in comparison.rows}
        if name in ("n", "status"):
            return bool(values - ({0, 1} if name == "n" else {"finished"}))
        if name == "folder":  # only where nothing else tells the rows apart
            return any(row.variant.folder for row in comparison.rows)
        return name in groups or name == comparison.metric or bool(values - {None, ""})

    return [name for name in dict.fromkeys(names) if says_something(name)]


def _settings(variants: Sequence[Variant]) -> list[str]:
    """Every setting that some variant is known to have."""
    return sorted({key for variant in variants for key in variant.settings})


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
    if name.startswith("latency"):
        return (
            "the report has no latency: a single timing at the end of a training does not compare machines or moments; "
            "gflops and params are there"
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
        if "told" in keys and (told := sum(one.p is not None for one in compared)):
            line += f"; ≠ 0: told from zero at 5 %, corrected for {told} comparisons (Holm)"
        notes.append(line)
    if any(
        row.statistics[comparison.metric].sd is not None for row in shown.rows if comparison.metric in row.statistics
    ):
        notes.append(f"±: standard deviation over {comparison.over}")
    if "difference" in keys and any(row.difference and row.confounds for row in shown.rows):
        notes.append("†: confounded, see below")
    marks = {row.variant.choices.get("settings") for row in shown.rows}
    notes += [f"{mark}: {text}" for mark, text in comparison.marks.items() if mark in marks]
    return notes
