"""Names written beside points so that they cover neither points nor each other."""

import math
from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from yolograft.common.figures import GROUND, QUIET, freeze

_SIZE = 7.5
_RINGS = (10.0, 17.0, 26.0, 38.0, 52.0, 68.0)
"""Distances from the point at which a place is looked for, in points."""

_DIRECTIONS = (0, 180, 30, -30, 150, -150, 60, -60, 120, -120, 90, -90)
"""Degrees, sideways first: what stands beside a point is read with it at once."""


def write_beside(
    axes: Axes,
    names: Sequence[tuple[str, float, float]],
    avoid: Sequence[tuple[float, float, float]],
    line: Sequence[tuple[float, float]],
) -> None:
    """Write names, each at the free place that is nearest to its point; one without a free place is left out.

    Fixes the figure's layout, since places depend on it.

    Args:
        axes: Where to.
        names: Text, x and y of each, those first that matter most.
        avoid: X, y and the half length of the bar of every point.
        line: Corners of a line that names keep off where they can.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    freeze(figure)
    renderer = canvas.get_renderer()
    pixel = figure.dpi / 72

    def to_pixels(place: tuple[float, float]) -> tuple[float, float]:
        x, y = axes.transData.transform(place)
        return float(x), float(y)

    taken = []
    for x, y, half in avoid:
        (left, low), (_, high) = to_pixels((x, max(y - half, 0.0))), to_pixels((x, y + half))
        taken.append(Bbox([[left - 5 * pixel, low - 5 * pixel], [left + 5 * pixel, high + 5 * pixel]]))
    segments = [Bbox([to_pixels(a), to_pixels(b)]) for a, b in pairwise(line)]
    inside = axes.get_window_extent(renderer)
    for text, x, y in names:
        place = axes.annotate(text, (x, y), (0, 0), textcoords="offset points", fontsize=_SIZE)
        size = place.get_window_extent(renderer)
        others = [to_pixels((a, b)) for a, b, _ in avoid if (a, b) != (x, y)]
        found = _place(to_pixels((x, y)), size.width, size.height, taken, segments, others, inside, pixel)
        place.remove()
        if found is None:
            continue
        box, distance = found
        taken.append(box)
        point = to_pixels((x, y))
        offset = ((box.x0 - point[0]) / pixel, (box.y0 - point[1]) / pixel)
        axes.annotate(
            text, (x, y), offset, textcoords="offset points", fontsize=_SIZE, zorder=4,
            ha="left", va="bottom", bbox={"facecolor": GROUND, "alpha": 0.7, "lw": 0, "pad": 0.3},
            arrowprops={"arrowstyle": "-", "color": QUIET, "lw": 0.5, "shrinkB": 4, "relpos": _nearest(box, point)}
            if distance > _RINGS[0] else None,
        )  # fmt: skip


def _place(
    point: Sequence[float],
    width: float,
    height: float,
    taken: Sequence[Bbox],
    segments: Sequence[Bbox],
    others: Sequence[Sequence[float]],
    inside: Bbox,
    pixel: float,
) -> tuple[Bbox, float] | None:
    """Return the best free box of a size near a point, and its distance; None where all are taken."""
    best: tuple[float, Bbox, float] | None = None
    for distance in _RINGS:
        for turn, degrees in enumerate(_DIRECTIONS):
            dx, dy = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
            # The middle of the box's nearest side or its corner lies on the ring.
            x = point[0] + dx * distance * pixel + (0 if abs(dx) < 0.1 else math.copysign(width / 2, dx))
            y = point[1] + dy * distance * pixel + (0 if abs(dy) < 0.1 else math.copysign(height / 2, dy))
            box = Bbox.from_bounds(x - width / 2, y - height / 2, width, height)
            within = box.x0 >= inside.x0 and box.x1 <= inside.x1 and box.y0 >= inside.y0 and box.y1 <= inside.y1
            if not within or any(box.overlaps(other) for other in taken):
                continue
            penalty = distance + turn / 2 + 20 * sum(box.overlaps(segment) for segment in segments)
            # Nearer to another point than to its own it would be taken for that one's name.
            penalty += 15 * any(_gap(box, other) < 1.2 * _gap(box, point) for other in others)
            if best is None or penalty < best[0]:
                best = penalty, box, distance
    return best and best[1:]


def _gap(box: Bbox, point: Sequence[float]) -> float:
    """Return the distance of a point from a box, pixels."""
    dx = max(box.x0 - point[0], 0.0, point[0] - box.x1)
    dy = max(box.y0 - point[1], 0.0, point[1] - box.y1)
    return math.hypot(dx, dy)


def _nearest(box: Bbox, point: Sequence[float]) -> tuple[float, float]:
    """Return where on a box, as shares of its sides, the line to a point starts."""
    return (
        min(max((point[0] - box.x0) / box.width, 0.0), 1.0),
        min(max((point[1] - box.y0) / box.height, 0.0), 1.0),
    )
