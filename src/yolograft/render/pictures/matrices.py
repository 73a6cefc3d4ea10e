"""Tables of numbers as shades: average precision of variants × classes, and what was taken for what."""

from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row
from yolograft.analysis.samples import Shown
from yolograft.common.figures import QUIET, Picture, new_figure, shortened
from yolograft.runs.predictions import Predictions

_MOST_ROWS = 24
_MOST_PANELS = 6
_MOST_CLASSES = 20
_MOST_WRITTEN = 12
"""Columns up to which a cell has room for its number."""
_MOST_CELLS = 4000
"""Cells up to which each is an object of its own that can be pointed at."""

_SHADES = colormaps["cividis"]  # read alike with any colour vision and without colours
_DARK, _PALE = "#0a0a0a", "#fafafa"


def per_class(comparison: Comparison) -> Picture | None:
    """Draw the metric by class of the best variants and the baseline; None where no run has it."""
    metric = comparison.metric
    rows = [row for row in comparison.rows if _by_class(row, metric)]
    if not rows:
        return None
    shown = rows[:_MOST_ROWS]
    baseline = next((row for row in rows if row.baseline), None)
    if baseline and baseline not in shown:
        shown[-1] = baseline
    values = [_by_class(row, metric) for row in shown]
    classes = list(dict.fromkeys(name for one in values for name in one))
    cells = np.array([[one.get(name, np.nan) for name in classes] for one in values])
    labels = [row.variant.label + (" (baseline)" if row.baseline else "") for row in shown]

    longest = max(len(shortened(name, 24)) for name in classes)
    width = min(max(5.6, 2.2 + 0.27 * len(classes)), 60.0)
    figure = new_figure(min(0.75 + 0.062 * longest + 0.24 * len(shown), 60.0), width)
    axes = figure.add_subplot()
    best = float(np.nanmax(cells))
    tips = _draw_cells(
        axes, cells, max(best, 0.01), "ap", lambda r, c: f"{labels[r]}: {metric} of {classes[c]} {cells[r, c]:.3f}"
    )
    _name_cells(axes, classes, labels, (width - 0.07 * max(len(shortened(label)) for label in labels)) / len(classes))
    text = f"{metric} of each class, mean over {comparison.over}; the brighter, the better (brightest: {best:.2f})."
    if len(shown) < len(rows):
        text += f" Drawn: {len(shown)} of {len(comparison.rows)} variants, the best, the baseline among them."
    return Picture("per_class", f"{metric} by class", text, figure, tips)


def confusion(comparison: Comparison, saved: Sequence[Shown]) -> Picture | None:
    """Draw the confusion matrices; None where no run has kept one.

    Args:
        comparison: The comparison.
        saved: The variants to draw with what their runs kept, the best first.
    """
    panels = [(row, kept) for row, found in saved if (kept := _summed(found)) is not None][:_MOST_PANELS]
    if not panels:
        return None
    panels = [(row, kept) for row, kept in panels if kept.names == panels[0][1].names]
    every = [*panels[0][1].names, "background"]
    tables = [
        np.array(kept.confusion, float).T for _, kept in panels
    ]  # rows: what it is; columns: what it was taken for
    drawn = _most_mistaken(tables)
    names = [every[number] for number in drawn]
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    side = max(1.9, 0.16 * len(names)) if len(names) > 8 else 1.9
    longest = max(len(shortened(name, 16)) for name in names)
    room = 0.066 * longest
    figure = new_figure(rows * (side + 0.45) + room, columns * (side + 0.15) + room + 0.3)
    tips: dict[str, str] = {}
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for number, (axes, (row, _), table) in enumerate(zip(grid.flat, panels, tables, strict=False)):
        counts = table[np.ix_(drawn, drawn)]
        shares = counts / np.maximum(table.sum(axis=1)[drawn, None], 1)
        shares[-1, -1] = np.nan  # where nothing is labelled and nothing found

        def tip(r: int, c: int, counts: np.ndarray = counts, shares: np.ndarray = shares, row: Row = row) -> str:
            found = "missed" if c == len(names) - 1 else f"found as {names[c]}"
            if r == len(names) - 1:
                found = f"{names[c]} found where nothing is labelled"
                return f"{row.variant.label}: {found}: {counts[r, c]:.0f}"
            return f"{row.variant.label}: {names[r]} {found}: {counts[r, c]:.0f} ({shares[r, c]:.0%})"

        tips |= _draw_cells(axes, shares, 1.0, f"confusion{number}-", tip)
        short = [shortened(name, 16) for name in names]
        _name_cells(axes, short, short, side / len(names))
        axes.set_title(shortened(row.variant.label, 30))
        if number % columns == 0:
            axes.set_ylabel("labelled as")
        if number + columns >= len(panels):
            axes.set_xlabel("found as")
            axes.tick_params(axis="x", labelbottom=True)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    confidence = panels[0][1].confidence
    text = (
        f"Rows are what is labelled, columns what was found there with a confidence of {confidence:g} or more; shares "
        "of the row. Column background: objects that were missed; row background: found where nothing is labelled. "
        f"{comparison.over.capitalize()} are added up."
    )
    if len(drawn) < len(every):
        text += f" Drawn: the {len(drawn) - 1} classes of {len(every) - 1} with the most mistakes."
    return Picture("confusion", "What was taken for what", text, figure, tips)


def _by_class(row: Row, metric: str) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for run in row.variant.finished:
        for name, metrics in run.per_class.items():
            if metric in metrics:
                values.setdefault(name, []).append(metrics[metric])
    return {name: fmean(found) for name, found in values.items()}


def _summed(found: Sequence[Predictions]) -> Predictions | None:
    """Return the counts of several seeds together; of those with other classes than the first's none."""
    known = [one for one in found if one.confusion and one.names == found[0].names]
    if not known:
        return None
    counts = np.sum([one.confusion for one in known], axis=0)
    return Predictions(known[0].names, (), known[0].confidence, tuple(map(tuple, counts.tolist())))


def _most_mistaken(tables: Sequence[np.ndarray]) -> list[int]:
    """Return the classes drawn, background last: those whose objects were taken for another or missed most often."""
    mistakes = np.sum([table * (1 - np.eye(len(table))) for table in tables], axis=0).sum(axis=1)[:-1]
    most = np.argsort(-mistakes, kind="stable")[:_MOST_CLASSES]
    return [*sorted(most.tolist()), len(mistakes)]


def _draw_cells(
    axes: Axes, values: np.ndarray, top: float, prefix: str, tip: Callable[[int, int], str]
) -> dict[str, str]:
    """Draw values [rows, columns] of 0…`top` as shades; return the tooltip of each cell."""
    height, width = values.shape
    tips = {}
    if values.size > _MOST_CELLS:
        axes.imshow(values, cmap=_SHADES, vmin=0, vmax=top, aspect="auto", interpolation="nearest")
    else:
        for r, c in np.ndindex(*values.shape):
            if np.isnan(values[r, c]):
                continue
            gid = f"{prefix}{r}-{c}"
            shade = _SHADES(values[r, c] / top)
            # add_patch would look at the limits again each time
            axes.add_artist(Rectangle((c - 0.5, r - 0.5), 1, 1, facecolor=shade, lw=0, gid=gid, antialiased=False))
            tips[gid] = tip(r, c)
            if width <= _MOST_WRITTEN:
                colour = _DARK if np.dot(shade[:3], (0.299, 0.587, 0.114)) > 0.5 else _PALE
                shown = f"{values[r, c]:.2f}"
                axes.text(c, r, shown, ha="center", va="center", fontsize=6.5, color=colour, gid=f"{gid}-text")
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=7.5, color=QUIET)
    return tips


def _name_cells(axes: Axes, columns: Sequence[str], rows: Sequence[str], room: float) -> None:
    """Write names beside rows and below columns; upright where a name is wider than the `room` of a column, inches."""
    names = [shortened(name, 24) for name in columns]
    turned = max(map(len, names)) * 0.07 > room
    axes.set_xticks(range(len(columns)), names, rotation=90 if turned else 0)
    axes.set_yticks(range(len(rows)), [shortened(name) for name in rows])
