"""Pictures of a comparison, drawn with matplotlib's objects: no pyplot, hence no state shared with anyone's plots."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from yolograft.files import replace_file
from yolograft.report.comparison import Comparison

# Okabe and Ito's colours, told apart with any colour vision; their yellow is too pale for a point on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_MOST_LABELS = 16
_MOST_ENTRIES = 12
_GREY = "#555555"


@dataclass(frozen=True)
class _Point:
    """One variant: its runs' mean over seeds."""

    label: str
    backbone: str
    neck: str
    params: int
    value: float
    seeds: tuple[float, ...]
    baseline: bool


def map_vs_params(comparison: Comparison, path: Path) -> Path | None:
    """Draws the metric against the number of parameters: a point per variant, with the Pareto front.

    Colours are backbones, shapes are necks. Where a variant has several seeds the point is their mean and a thin line
    spans them. Parameters are on a logarithmic scale where they differ more than tenfold.

    Args:
        comparison: The comparison; its finished variants are drawn.
        path: PNG file to write, 900×600 pixels.

    Returns:
        The path, or None where no run has finished; then nothing is written.

    Raises:
        OSError: The file cannot be written.
    """
    figure = draw_map_vs_params(comparison)
    if figure is None:
        return None
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return replace_file(path, content.getvalue())


def draw_map_vs_params(comparison: Comparison) -> Figure | None:
    """The picture of `map_vs_params` as a matplotlib figure; None where no run has finished."""
    points = _points(comparison)
    if not points:
        return None
    figure = Figure(figsize=(9, 6), dpi=100, layout="constrained", facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_points(axes, points)
    front = _pareto(points)
    _draw_front(axes, front)
    _draw_scales(axes, points, comparison.metric)
    _draw_legend(axes, points, front)
    # Labels need the final places of all else, which the layout decides.
    canvas.draw()
    figure.set_layout_engine("none")
    chosen = points if len(points) <= _MOST_LABELS else [p for p in points if p in front or p.baseline]
    _draw_labels(axes, canvas, points, chosen)
    return figure


def _points(comparison: Comparison) -> list[_Point]:
    return [
        _Point(
            label=row.variant.label,
            backbone=row.variant.settings.get("backbone", "?"),
            neck=row.variant.settings.get("neck", "?"),
            params=row.variant.params,
            value=summary.mean,
            seeds=tuple(summary.values.values()),
            baseline=row.baseline,
        )
        for row in comparison.rows
        if row.variant.params and (summary := row.statistics.get(comparison.metric))
    ]


def _pareto(points: Sequence[_Point]) -> list[_Point]:
    """The variants that no other one beats with as few parameters, from small to large."""
    front: list[_Point] = []
    for point in sorted(points, key=lambda p: (p.params, -p.value)):
        if not front or point.value > front[-1].value:
            front.append(point)
    return front


def _styles(names: Sequence[str], looks: Sequence[str]) -> dict[str, str]:
    """A look per name, in the order in which the names first come; looks are used again when they run out."""
    return {name: looks[place % len(looks)] for place, name in enumerate(dict.fromkeys(sorted(names)))}


def _draw_points(axes: Axes, points: Sequence[_Point]) -> None:
    colours = _styles([point.backbone for point in points], _COLOURS)
    markers = _styles([point.neck for point in points], _MARKERS)
    for point in points:
        if len(point.seeds) > 1:
            axes.plot([point.params] * 2, [min(point.seeds), max(point.seeds)], color=colours[point.backbone], lw=1)
        axes.plot(
            point.params, point.value, marker=markers[point.neck], color=colours[point.backbone], ls="", ms=10,
            mec="white", mew=0.8, zorder=3,
        )  # fmt: skip
        if point.baseline:
            axes.plot(point.params, point.value, marker="o", ls="", ms=19, mfc="none", mec="black", mew=1.4, zorder=2)


def _draw_front(axes: Axes, front: Sequence[_Point]) -> None:
    if len(front) > 1:
        places = ([point.params for point in front], [point.value for point in front])
        axes.plot(*places, color=_GREY, lw=1.2, ls="--", zorder=1)


def _draw_scales(axes: Axes, points: Sequence[_Point], metric: str) -> None:
    sizes = [point.params for point in points]
    if max(sizes) > 10 * min(sizes):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e6:g}M"))
    axes.margins(x=0.14, y=0.14)
    axes.set_xlabel("parameters")
    axes.set_ylabel(metric)
    axes.set_title(f"{metric} against parameters", loc="left", fontweight="bold")
    axes.grid(color="#dddddd", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_legend(axes: Axes, points: Sequence[_Point], front: Sequence[_Point]) -> None:
    handles = [_heading("backbone")]
    handles += [
        Line2D([], [], ls="", marker="o", ms=9, color=colour, label=name)
        for name, colour in list(_styles([point.backbone for point in points], _COLOURS).items())[:_MOST_ENTRIES]
    ]
    handles.append(_heading("neck"))
    handles += [
        Line2D([], [], ls="", marker=marker, ms=9, color=_GREY, label=name)
        for name, marker in list(_styles([point.neck for point in points], _MARKERS).items())[: len(_MARKERS)]
    ]
    marks = len(handles)
    if any(point.baseline for point in points):
        handles.append(Line2D([], [], ls="", marker="o", ms=13, mfc="none", mec="black", mew=1.4, label="baseline"))
    if len(front) > 1:
        handles.append(Line2D([], [], color=_GREY, ls="--", lw=1.2, label="Pareto front"))
    if extra := handles[marks:]:
        handles[marks:] = [_heading(""), *extra]
    # Beside the picture, where it covers no point.
    legend = axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, labelspacing=0.7)
    for text in legend.get_texts():
        if text.get_text() in ("backbone", "neck"):
            text.set_fontweight("bold")


def _heading(text: str) -> Line2D:
    """A line of a legend without a mark."""
    return Line2D([], [], ls="", label=text)


def _draw_labels(axes: Axes, canvas: FigureCanvasAgg, points: Sequence[_Point], chosen: Sequence[_Point]) -> None:
    """Writes names next to points, each at the first place where it covers no point and no other name."""
    renderer = canvas.get_renderer()
    centres = [axes.transData.transform((point.params, point.value)) for point in points]
    taken = [Bbox.from_bounds(x - 8, y - 8, 16, 16) for x, y in centres]
    inside = axes.get_window_extent(renderer)
    # Sideways first: the front climbs to the right and would run through names above and below.
    offsets = [(13, 0), (-13, 0), (7, -9), (-7, 9), (7, 9), (-7, -9), (0, 13), (0, -13), (0, 25), (0, -25),
               (0, 37), (0, -37)]  # fmt: skip
    halo = [withStroke(linewidth=3, foreground="white")]
    for point in chosen:
        room = 4 if point.baseline else 0  # for the ring around it
        for dx, dy in offsets:
            text = axes.annotate(
                point.label, (point.params, point.value), xytext=(dx + math.copysign(room, dx) * (dx != 0), dy),
                textcoords="offset points", fontsize=9, path_effects=halo,
                ha="center" if dx == 0 else "left" if dx > 0 else "right",
                va="center" if dy == 0 else "bottom" if dy > 0 else "top", zorder=4,
                arrowprops={"arrowstyle": "-", "color": _GREY, "lw": 0.6} if abs(dy) > 20 else None,
            )  # fmt: skip
            # The words alone: an annotation's own extent has its line too, which starts on the point.
            text.update_positions(renderer)
            box = Text.get_window_extent(text, renderer)
            fits = box.x0 > inside.x0 and box.x1 < inside.x1 and box.y0 > inside.y0 and box.y1 < inside.y1
            if fits and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()
