"""The comparison in Markdown, as GitHub and most others read it."""

from collections.abc import Iterable, Sequence

from yolograft.common.text import plain
from yolograft.render.columns import EFFECT_HEADINGS, effect_cells
from yolograft.render.table import Table
from yolograft.render.transfers import TRANSFER_HEADINGS, transfer_rows


def to_markdown(shown: Table) -> str:
    """Return the table, best values bold, with its notes, effects and cautions below."""
    places = [shown.places(column) for column in shown.columns]
    cells = [
        [
            f"**{_escaped(text)}**" if best.get(place) == 1 else _escaped(text)
            for column, best in zip(shown.columns, places, strict=True)
            for text in [column.text(row)]
        ]
        for place, row in enumerate(shown.rows)
    ]
    comparison, effects = shown.comparison, shown.comparison.effects
    blocks = [_table([c.heading for c in shown.columns], [c.number for c in shown.columns], cells)]
    blocks += [_list(map(_escaped, shown.notes))]
    if effects.main:
        rows = [[_escaped(text) for text in effect_cells(one)] for one in (*effects.main, *effects.interactions)]
        blocks += [
            f"**Effects of the choices**: how far {comparison.metric} lies from the mean over the group's choices; "
            "of two choices together (×), how far from the sum of both.\n",
            _table(EFFECT_HEADINGS, (False, True, True, True), rows),
        ]
    blocks += [_list(map(_escaped, effects.notes))]
    if started := transfer_rows(comparison):
        cells = [[_escaped(text) for text in cells] for cells in started]
        blocks += [
            "**Tensors that the weights to start from have filled**\n",
            _table(TRANSFER_HEADINGS, (False, False, True, True, True), cells),
        ]
    if comparison.cautions:
        blocks += ["**Cautions**\n", _list(_escaped(caution.text) for caution in comparison.cautions)]
    return "\n".join(block for block in blocks if block)


def _table(headings: Sequence[str], numbers: Sequence[bool], rows: Iterable[Sequence[str]]) -> str:
    lines = [[_escaped(heading) for heading in headings], ["---:" if number else "---" for number in numbers], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _list(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _escaped(text: str) -> str:
    text = plain(" ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{sign}" if sign in "\\|`*_[]#" else sign for sign in text)
