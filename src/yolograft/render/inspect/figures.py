"""Figures of a data set's page, in the style of all figures."""

import math
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from yolograft.common.figures import DASHES, QUIET, SERIES, Picture, new_figure
from yolograft.data.inspect.statistics import Histogram
from yolograft.render.pages.template import data_address

_WIDTH, _HEIGHT = 3.75, 2.2
"""Inches: as wide as a phone, so that letters keep their size there; pages show three figures in a row."""

_HEAT_BGR = (0, 94, 213)
"""Orange on whatever ground the page has; the number of centres is the opacity."""


def histogram_picture(
    name: str,
    histogram: Histogram,
    title: str,
    axis: str,
    ticks: Mapping[float, str],
    marks: Mapping[float, str] | None = None,
    *,
    unit: str = "boxes",
    logarithmic: bool = False,
) -> Picture:
    """Draw a histogram: for each split an outline of what share of it is in each bin.

    Shares, not counts, so that a small split compares with a large one. Draw it within `own_style`.

    Args:
        name: The picture's name, for ids on the page.
        histogram: The counts.
        title: What is shown, for screen readers.
        axis: Label of the horizontal axis.
        ticks: Labels of the horizontal axis by value.
        marks: Labels of vertical lines by value.
        unit: What the shares are of.
        logarithmic: Whether the bins are equally wide on a logarithmic axis.
    """
    place: Callable[[float], float] = math.log2 if logarithmic else float
    edges = [place(edge) for edge in histogram.edges]
    figure = new_figure(_HEIGHT, _WIDTH)
    axes = figure.add_subplot()
    axes.set_title(f"share of {unit}", fontsize=8, fontweight="normal", color=QUIET, pad=4)
    tips = {}
    greatest = 0.0
    for number, (split, counts) in enumerate(histogram.counts.items()):
        shares = np.array(counts) / max(sum(counts), 1)
        greatest = max(greatest, float(shares.max(initial=0)))
        colour, gid = SERIES[number], f"split{number}"
        if number == 0:  # the split that is trained on: a ground for the outlines of the others
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.18, lw=0, clip_on=False)
        axes.stairs(shares, edges, color=colour, ls=DASHES[number], lw=1.4, clip_on=False, gid=gid)
        tips[gid] = split
    for value, text in (marks or {}).items():
        axes.axvline(place(value), color=QUIET, lw=0.8, ls=":", zorder=1, clip_on=False)
        axes.annotate(
            text,
            (place(value), 0.99),
            xycoords=axes.get_xaxis_transform(),
            xytext=(3, 0),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=QUIET,
        )
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, (greatest or 1.0) * (1.18 if marks else 1.05))
    axes.set_xticks([place(value) for value in ticks], list(ticks.values()))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:g}%" if share else ""))
    axes.set_xlabel(axis, color=QUIET)
    axes.tick_params(length=0, pad=4)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="x")
    for line in axes.get_ygridlines():
        line.set_clip_on(False)
    return Picture(name, title, "", figure, tips)


def even_ticks(edges: Sequence[float], count: int = 6) -> dict[float, str]:
    """Return whole numbers to write in the middle of about `count` bins that each stand for one value or a few."""
    bins = len(edges) - 1
    every = max(1, math.ceil(bins / count))
    step = edges[1] - edges[0]
    return {edges[i] + step / 2: _span(edges[i], step) for i in range(0, bins, every)}


def centres_png(counts: np.ndarray) -> str:
    """Return a picture of counts [rows, columns] as a PNG in a data address, transparent where there is none."""
    strength = counts / max(int(counts.max(initial=0)), 1)
    image = np.zeros((*counts.shape, 4), np.uint8)
    image[..., :3] = _HEAT_BGR
    image[..., 3] = np.round(strength * 255)
    return data_address(cv2.imencode(".png", image)[1].tobytes(), "png")


def _span(first: float, step: float) -> str:
    return f"{first:g}" if step == 1 else f"{first:g}–{first + step - 1:g}"
