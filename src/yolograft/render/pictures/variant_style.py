"""Colours and markers of the variants of a comparison."""

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row
from yolograft.common.figures import DASHES, MARKERS, SERIES


class VariantStyle:
    """Colours, markers and dashes of the variants, the same in all pictures of a comparison.

    The colour stands for the choice in the first group that varies, the marker for the choice in the second. Groups
    with more choices than there are colours are skipped, so that a colour never stands for two choices.

    Args:
        comparison: The comparison.
    """

    def __init__(self, comparison: Comparison) -> None:
        choices = [row.variant.choices for row in comparison.rows if row.variant.settings]
        every = {group: sorted({chosen[group] for chosen in choices}) for group in comparison.groups}
        few = {group: levels for group, levels in every.items() if 1 < len(levels) <= len(SERIES)}
        self.levels = dict(list(few.items())[:2])

    def colour(self, row: Row) -> str:
        """Return the colour of a row."""
        return SERIES[self._level(row, 0)]

    def marker(self, row: Row) -> str:
        """Return the marker of a row."""
        return MARKERS[self._level(row, 1)]

    def dashes(self, row: Row) -> str:
        """Return the dashes of a row."""
        return DASHES[self._level(row, 1) % len(DASHES)]

    def _level(self, row: Row, place: int) -> int:
        if place >= len(self.levels):
            return 0
        group, levels = list(self.levels.items())[place]
        choice = row.variant.choices[group]
        return levels.index(choice) if choice in levels else 0
