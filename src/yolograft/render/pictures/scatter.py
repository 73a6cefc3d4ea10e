"""A metric against what a variant costs, with the Pareto front."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row
from yolograft.common.figures import (
    GROUND,
    INK,
    LINE,
    MARKERS,
    QUIET,
    SERIES,
    Picture,
    new_figure,
    not_below_zero,
    shortened,
)
from yolograft.common.metrics import BUILT, BY_KEY, COSTS, Measure
from yolograft.render.pictures.labels import write_beside
from yolograft.render.pictures.variant_style import VariantStyle

_MOST_LABELS = 14


DRAWN = tuple(key for key in COSTS if key in BUILT)
"""The costs that have a picture: those that do not depend on the machine."""


@dataclass(frozen=True)
class Point:
    """A variant in the picture: its cost, the metric's mean and standard deviation."""

    row: Row
    cost: float
    value: float
    sd: float | None


def draw(comparison: Comparison, name: str) -> Picture | None:
    """Draw the metric against a cost: a point per variant with finished runs.

    Args:
        comparison: What to draw.
        name: One of `COSTS`.

    Returns:
        The picture; None where no finished variant has that number.
    """
    metric, cost = comparison.metric, BY_KEY[name]
    points = [
        Point(row, float(value), summary.mean, summary.sd)
        for row in comparison.rows
        if (summary := row.statistics.get(metric)) and (value := row.variant.cost(name)) is not None
    ]
    if not points:
        return None
    front = pareto(points)
    named = points if len(points) <= _MOST_LABELS else [p for p in points if p in front or p.row.baseline]
    figure = new_figure(4.4)
    axes = figure.add_subplot()
    style = VariantStyle(comparison)
    tips = _draw_points(axes, points, style, cost, comparison)
    steps = _draw_front(axes, front)
    _draw_scales(axes, points, cost, metric)
    _draw_legend(figure, style, points, front, comparison.over)
    write_beside(
        axes,
        [(shortened(p.row.variant.label), p.cost, p.value) for p in sorted(named, key=lambda p: p not in front)],
        avoid=[(p.cost, p.value, p.sd or 0.0) for p in points],
        line=steps,
    )
    text = "Each point is a variant: the higher, the better; the further left, the cheaper. "
    text += _said_of_front(front, points, cost)
    if any(point.sd is not None for point in points):
        text += f" Bars: standard deviation over {comparison.over}."
    if len(named) < len(points):
        text += " Named: the front and the baseline."
    return Picture(f"map_vs_{name}", f"{metric} against {cost.title}", text, figure, tips)


def pareto(points: Sequence[Point]) -> list[Point]:
    """Return the Pareto front from low to high cost; without points that have detected nothing."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.value)):
        if point.value > (front[-1].value if front else 0.0):
            front.append(point)
    return front


def _said_of_front(front: Sequence[Point], points: Sequence[Point], cost: Measure) -> str:
    if not front:
        return "Nothing was detected yet: no variant is better than another."
    if len(points) == 1:
        return "Only one variant has finished."
    if len(front) == 1 and front[0].cost == min(point.cost for point in points):
        return f"Best and cheapest at once: {front[0].row.variant.label}."
    names = ", ".join(point.row.variant.label for point in front[:8])
    more = f" and {len(front) - 8} more" if len(front) > 8 else ""
    return f"On the Pareto front no other variant has both a better mean and no more {cost.title}: {names}{more}."


def _draw_points(
    axes: Axes, points: Sequence[Point], style: VariantStyle, cost: Measure, comparison: Comparison
) -> dict[str, str]:
    metric, tips = comparison.metric, {}
    for number, point in enumerate(points):
        colour, sd = style.colour(point.row), point.sd
        if sd:
            ends = [max(point.value - sd, 0.0), point.value + sd]
            axes.plot([point.cost] * 2, ends, color=colour, lw=1.1, marker="_", ms=4, zorder=2)
        if point.row.baseline:
            axes.plot(point.cost, point.value, marker="o", ls="", ms=14, mfc="none", mec=INK, mew=1.2, zorder=2,
                      clip_on=False)  # fmt: skip
        axes.plot(
            point.cost, point.value, marker=style.marker(point.row), color=colour, ls="", ms=7.5,
            mec=GROUND, mew=0.7, zorder=3, gid=f"point{number}", clip_on=False,  # whole also at 0, on the axis
        )  # fmt: skip
        spread = "" if sd is None else f" ± {sd:.3f}"
        runs = comparison.counted(point.row.n)
        label = point.row.variant.label + (" (baseline)" if point.row.baseline else "")
        tips[f"point{number}"] = f"{label}: {metric} {point.value:.3f}{spread} ({runs}), {cost.exact(point.cost)}"
    return tips


def _draw_front(axes: Axes, front: Sequence[Point]) -> list[tuple[float, float]]:
    """Draw the front as steps and return its corners."""
    corners = [(point.cost, point.value) for point in front[:1]]
    for point in front[1:]:
        corners += [(point.cost, corners[-1][1]), (point.cost, point.value)]
    if len(front) > 1:
        axes.plot(*zip(*corners, strict=True), color=QUIET, lw=1.1, ls="--", zorder=1, gid="front")
    return corners


def _draw_scales(axes: Axes, points: Sequence[Point], cost: Measure, metric: str) -> None:
    costs = [point.cost for point in points]
    axes.xaxis.set_major_locator(MaxNLocator(6))
    if min(costs) > 0 and max(costs) > 10 * min(costs):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: cost.tick(value)))
    axes.margins(x=0.2, y=0.14)
    not_below_zero(axes)
    axes.set_ylim(top=min(axes.get_ylim()[1], max(1.0, *(p.value + (p.sd or 0.0) for p in points))))
    axes.set_xlabel(cost.axis)
    axes.set_ylabel(metric)


def _draw_legend(
    figure: Figure, style: VariantStyle, points: Sequence[Point], front: Sequence[Point], over: str
) -> None:
    """Name colours and shapes below the picture, where they cover no point."""
    handles = []
    for place, (group, levels) in enumerate(style.levels.items()):
        drawn = {point.row.variant.choices[group] for point in points}
        for level, colour, marker in zip(levels, SERIES, MARKERS, strict=False):
            if level in drawn:
                look = {"marker": marker, "color": QUIET} if place else {"marker": "o", "color": colour}
                handles.append(Line2D([], [], ls="", ms=7, label=level or "-", **look))  # type: ignore[arg-type]
    if any(point.row.baseline for point in points):
        handles.append(Line2D([], [], ls="", marker="o", ms=10, mfc="none", mec=INK, mew=1.2, label="baseline"))
    if len(front) > 1:
        handles.append(Line2D([], [], color=QUIET, ls="--", lw=1.1, label="Pareto front"))
    if any(point.sd for point in points):
        handles.append(Line2D([], [], color=LINE, lw=0, marker="|", mec=QUIET, ms=9, label=f"± sd over {over}"))
    for handle in handles:
        handle.set_label(shortened(str(handle.get_label()), 24))
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), columnspacing=1.4)
