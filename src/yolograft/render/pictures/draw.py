"""All pictures of a comparison."""

from collections.abc import Callable, Iterator, Sequence

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.samples import Shown
from yolograft.common.figures import Picture, freeze, own_style
from yolograft.render.pictures import curves, effects, matrices, scatter


def pictures(comparison: Comparison, saved: Sequence[Shown]) -> Iterator[Picture]:
    """Draw every picture for which there are values.

    Args:
        comparison: What to draw.
        saved: What the runs of some variants kept at their end.
    """
    drawings: list[Callable[[], Picture | None]] = [
        *(lambda name=name: scatter.draw(comparison, name) for name in scatter.DRAWN),
        lambda: effects.draw(comparison),
        lambda: curves.draw(comparison),
        lambda: matrices.per_class(comparison),
        lambda: matrices.confusion(comparison, saved),
    ]
    names = {row.variant.label for row in comparison.rows}
    names |= {name for row in comparison.rows for run in row.variant.runs for name in run.per_class}
    letters = "".join(sorted(set("".join(names))))
    for draw in drawings:
        with own_style(letters):
            picture = draw()
            if picture:
                freeze(picture.figure)
        if picture:
            yield picture
