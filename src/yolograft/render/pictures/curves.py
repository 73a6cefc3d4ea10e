"""Loss and metric per epoch, the mean over seeds or folds with a band."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from yolograft.analysis.collect import Run
from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row
from yolograft.common.figures import DASHES, GROUND, QUIET, SERIES, Picture, new_figure, shortened
from yolograft.render.pictures.variant_style import VariantStyle
from yolograft.runs.curves import METRICS_FILE, Curve, loss_sums, read_columns
from yolograft.runs.spikes import axis_top

MOST = 8
"""Variants drawn: more lines than these cannot be distinguished."""


@dataclass(frozen=True)
class Line:
    """What is drawn of a variant in a panel.

    Attributes:
        epochs: The epochs that all of its runs have reached.
        means: Mean over the runs, for each epoch.
        spread: Standard deviation over the runs, for each epoch; empty where there is one run.
        values: Those of the single runs, of which one may be a spike.
    """

    epochs: Sequence[int]
    means: Sequence[float]
    spread: Sequence[float]
    values: Sequence[float]


def draw(comparison: Comparison) -> Picture | None:
    """Draw the curves of the baseline and the best variants; None where no run has written any."""
    metric = comparison.metric
    known = []
    for row in _chosen(comparison.rows):
        curves = [_curves(run, metric) for run in _runs(row)]
        if any(curves):
            known.append((row, curves))
    if not known:
        return None
    styles = _styles(comparison, [row for row, _ in known])
    figure = new_figure(3.3, 7.4)
    tips: dict[str, str] = {}
    cut: list[str] = []
    panels = (metric, "training loss", "validation loss")
    for axes, name in zip(figure.subplots(1, 3), panels, strict=True):
        lines = {}
        for number, (_, curves) in enumerate(known):
            if mine := [curve[name] for curve in curves if name in curve]:
                lines[number] = _line(mine)
        values = [value for line in lines.values() for value in line.values]
        top = None if name == metric else axis_top(values)
        for number, line in lines.items():
            gid = f"curve{panels.index(name)}-{number}"
            _draw_line(axes, line, *styles[number], gid, top)
            label = known[number][0].variant.label
            tips[gid] = f"{label}: {name} {line.means[-1]:.3f} after epoch {line.epochs[-1]}"
        axes.set_title(name)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if axes.get_ylim()[0] < 0:
            axes.set_ylim(bottom=0)
        if top is not None:
            axes.set_ylim(0, top * 1.12)
            cut.append(f"{name} up to {max(values):.3g}")
            axes.text(0.98, 0.98, f"cut off: up to {max(values):.3g}", transform=axes.transAxes, ha="right", va="top",
                      fontsize=7, color=QUIET, bbox={"facecolor": GROUND, "edgecolor": "none", "pad": 1})  # fmt: skip
    labels = [
        shortened(row.variant.label, 100) if len(known) <= 4 else shortened(row.variant.label) for row, _ in known
    ]
    handles = [
        Line2D([], [], color=colour, ls=dashes, lw=1.4, label=label)
        for label, (colour, dashes) in zip(labels, styles, strict=True)
    ]
    across = max(min(len(handles), 4, 130 // (max(map(len, labels)) + 8)), 1)  # 130 letters are the picture's width
    figure.legend(handles=handles, loc="outside lower center", ncols=across, handlelength=3)
    text = "Losses are sums of box, class and DFL loss."
    if any(len(curves) > 1 for _, curves in known):
        text += f" Lines: mean over {comparison.over}, up to the epoch that all of them reached;"
        text += " bands: ± standard deviation."
    if cut:
        text += f" Cut off, since it would flatten the rest: {', '.join(cut)}."
    if any(len(set(map(len, curve.values()))) > 1 for _, curves in known for curve in curves):
        text += " Values that are no finite numbers are left out."
    if len(comparison.rows) > MOST:
        text += f" Drawn: {len(known)} of {len(comparison.rows)} variants, the best, the baseline among them."
    return Picture("curves", f"{metric} and losses per epoch", text, figure, tips)


def _styles(comparison: Comparison, rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return colour and dashes of each row: those of the other pictures, if these distinguish the rows."""
    style = VariantStyle(comparison)
    styles = [(style.colour(row), style.dashes(row)) for row in rows]
    if len(set(styles)) == len(rows):
        return styles
    return [(SERIES[n % len(SERIES)], DASHES[n // len(SERIES)]) for n in range(len(rows))]


def _chosen(rows: Sequence[Row]) -> list[Row]:
    """Return the best rows, with the best baseline among them."""
    chosen = list(rows[:MOST])
    baseline = next((row for row in rows if row.baseline), None)
    if baseline and baseline not in chosen:
        chosen[-1] = baseline
    return chosen


def _curves(run: Run, metric: str) -> dict[str, Curve]:
    """Return the metric and the training and validation loss of a run by epoch."""
    columns = read_columns(run.path / METRICS_FILE)
    curves = {metric: columns.get(f"metrics/{metric}", {}), **loss_sums(columns)}
    return {name: curve for name, curve in curves.items() if curve}


def _runs(row: Row) -> Sequence[Run]:
    return row.variant.finished or row.variant.runs


def _line(curves: Sequence[Curve]) -> Line:
    epochs = sorted(set.intersection(*(set(curve) for curve in curves))) or sorted(curves[0])
    drawn = [[curve[epoch] for epoch in epochs] for curve in curves if set(epochs) <= set(curve)]
    spread = [stdev(values) for values in zip(*drawn, strict=True)] if len(drawn) > 1 else []
    means = [fmean(values) for values in zip(*drawn, strict=True)]
    return Line(epochs, means, spread, [value for values in drawn for value in values])


def _draw_line(axes: Axes, line: Line, colour: str, dashes: str, gid: str, top: float | None) -> None:
    """Draw a line and its band; no band where it would reach beyond `top`: it would reach down to 0 as well."""
    if line.spread:
        low = [max(mean - sd, 0.0) for mean, sd in zip(line.means, line.spread, strict=True)]
        high = [mean + sd for mean, sd in zip(line.means, line.spread, strict=True)]
        within = [top is None or value <= top * 1.12 for value in high]
        axes.fill_between(line.epochs, low, high, where=within, color=colour, alpha=0.15, lw=0)
    marker = "." if len(line.epochs) < 3 else ""
    axes.plot(line.epochs, line.means, color=colour, ls=dashes, lw=1.4, marker=marker, gid=gid)
