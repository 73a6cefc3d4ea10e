"""All pictures of a comparison, and their files."""

import io
from collections.abc import Callable, Iterator, Sequence

from matplotlib import rc_context

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.samples import Shown
from yolograft.render.pictures import curves, effects, matrices, scatter
from yolograft.render.pictures.style import Picture, freeze, own_style


def pictures(comparison: Comparison, saved: Sequence[Shown]) -> Iterator[Picture]:
    """Draws every picture for which something is known.

    Args:
        comparison: What to draw.
        saved: What the runs of some variants kept at their end.
    """
    drawings: list[Callable[[], Picture | None]] = [
        *(lambda name=name: scatter.draw(comparison, name) for name in scatter.DRAWN),  # type: ignore[misc]
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


def to_png(picture: Picture) -> bytes:
    """The picture as a PNG with 200 dots to the inch."""
    content = io.BytesIO()
    with own_style():
        picture.figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def to_svg(picture: Picture) -> str:
    """The picture as an SVG, the same text every time."""
    content = io.BytesIO()
    with own_style(), rc_context({"svg.hashsalt": picture.name}):
        picture.figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue().decode("utf-8")
