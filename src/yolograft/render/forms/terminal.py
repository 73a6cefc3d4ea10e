"""The comparison in a terminal, in a pipe or in a log."""

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.segment import Segments
from rich.table import Table as RichTable
from rich.text import Text

from yolograft.analysis.row import Row
from yolograft.common.text import plain
from yolograft.render.columns import EFFECT_HEADINGS, Column, all_columns, effect_cells
from yolograft.render.table import Table

_PLAIN = str.maketrans({"Δ": "diff", "±": "+-", "≠": "!=", "×": "x", "†": "*", "…": "..."})

_MOST_GROUPS = 4
"""Of more columns than these, telling the variants apart, a narrow terminal makes one."""


def print_table(shown: Table, console: Console | None = None) -> None:
    """Print the comparison: the table, the main effects, and the cautions.

    A number is never cut or wrapped: a terminal too narrow for all columns gets fewer, with a note. What is no
    terminal (a pipe, a log) gets all of them on lines as long as they need.

    Args:
        shown: What is shown of the comparison.
        console: Where to; standard output by default.
    """
    console = console or Console()
    columns = list(shown.columns)
    made = _rich(shown, columns, console)
    width = console.width
    if not console.is_terminal:
        width = max(120, width, _width(made, console))
    hidden: list[str] = []
    if _width(made, console) > width and sum(c.key in shown.comparison.groups for c in columns) > _MOST_GROUPS:
        columns = _named(shown, columns)
        made = _rich(shown, columns, console)
    for column in sorted((c for c in columns if c.drop_priority), key=lambda c: -c.drop_priority):
        if _width(made, console) <= width:
            break
        hidden.append(column.heading)
        columns.remove(column)
        made = _rich(shown, columns, console)
    if _width(made, console, folded=True) > width:
        made = _rich(shown, _named(shown, columns), console)
    _print(made, console, width)
    if hidden:
        _say(console, f"too narrow for: {', '.join(hidden)}")
    if len(shown.rows) < len(shown.comparison.rows):
        _say(console, f"{len(shown.rows)} of {len(shown.comparison.rows)} variants shown")
    for note in shown.notes:
        _say(console, note)
    effects = shown.comparison.effects
    if len({effect.groups for effect in effects.main}) > 1:
        console.print()
        effects_table = _table([_encodable(heading, console) for heading in EFFECT_HEADINGS], numbers=(1, 2, 3))
        for effect in effects.main:
            effects_table.add_row(*(Text(_encodable(cell, console)) for cell in effect_cells(effect)))
        _print(effects_table, console, width)
        _say(console, f"effect: how far {shown.comparison.metric} lies from the mean over the group's choices")
        for note in effects.notes:
            _say(console, note)
    for caution in shown.comparison.cautions:
        _say(console, caution.text, "red" if caution.kind in ("run", "confounded", "data") else "yellow")


def _named(shown: Table, columns: Sequence[Column]) -> list[Column]:
    """Return the columns with one for the variant's name instead of those of the groups."""
    left = [column for column in columns if column.key not in (*shown.comparison.groups, "variant", "folder")]
    return [next(column for column in all_columns((), shown.comparison.metric) if column.key == "variant"), *left]


def _rich(shown: Table, columns: Sequence[Column], console: Console) -> RichTable:
    numbers = [place for place, column in enumerate(columns) if column.number]
    made = _table([_encodable(column.heading, console) for column in columns], numbers)
    for row in shown.rows:
        made.add_row(*(Text(_encodable(column.text(row), console)) for column in columns), style=_style(row))
    return made


def _table(headings: Sequence[str], numbers: Sequence[int]) -> RichTable:
    made = RichTable(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        if place in numbers:
            made.add_column(Text(heading), justify="right", no_wrap=True)
        else:
            made.add_column(Text(heading), overflow="fold", no_wrap=heading == "status")
    return made


def _style(row: Row) -> str:
    if row.baseline:
        return "bold"
    if row.n:
        return ""
    return {"running": "cyan", "stopped": "yellow"}.get(row.variant.runs[0].status, "red")


def _width(made: RichTable, console: Console, folded: bool = False) -> int:
    """Return the width of a table in characters: unwrapped, or with its text folded as far as possible."""
    # Measured on an endless line: on the console's own, rich answers with the console's width.
    measured = Measurement.get(console, console.options.update(width=10_000), made)
    return measured.minimum if folded else measured.maximum


def _print(made: RichTable, console: Console, width: int) -> None:
    # Rendered first, since `print` knows no lines longer than the console's.
    options = console.options.update(width=max(width, _width(made, console, folded=True)))
    console.print(Segments(list(console.render(made, options))), crop=False)


def _say(console: Console, text: str, style: str = "dim") -> None:
    console.print(Text(_encodable(text, console), style), soft_wrap=not console.is_terminal)


def _encodable(text: str, console: Console) -> str:
    """Return `plain` text in characters that the output can encode: a redirected console of Windows has no Δ."""
    text = plain(text)
    try:
        text.encode(console.encoding)
        return text
    except (UnicodeEncodeError, LookupError):
        return text.translate(_PLAIN).encode(console.encoding, "backslashreplace").decode(console.encoding, "ignore")
