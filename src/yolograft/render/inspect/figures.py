"""Charts as SVG text: the page's own colours and fonts, sharp at any size, readable by a screen reader."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

import cv2
import numpy as np

from yolograft.data.inspect.statistics import Histogram
from yolograft.render.pages.template import data_address

# Of the drawing, in its own units: about the width of a phone, so that letters keep their size there.
_WIDTH, _HEIGHT = 360, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 16, 26, 34

# Orange on whatever ground the page has; the number of centres is the opacity.
_HEAT_BGR = (0, 94, 213)


def histogram_svg(
    histogram: Histogram,
    title: str,
    axis: str,
    ticks: Mapping[float, str],
    marks: Mapping[float, str] | None = None,
    *,
    unit: str = "boxes",
    logarithmic: bool = False,
) -> str:
    """Draw a histogram: for each split an outline of what share of it is in each bin.

    Args:
        histogram: the counts.
        title: what is shown, for who cannot see it.
        axis: what the horizontal axis shows.
        ticks: what is written at which values.
        marks: values at which a line is drawn, and what is written beside it.
        unit: what the shares are of.
        logarithmic: the bins are equally wide on a logarithmic axis.
    """
    place: Callable[[float], float] = math.log2 if logarithmic else float
    low, high = place(histogram.edges[0]), place(histogram.edges[-1])
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    shares = {name: [c / max(sum(counts), 1) for c in counts] for name, counts in histogram.counts.items()}
    top, step = _scale(max((max(share, default=0) for share in shares.values()), default=0))

    def x(value: float) -> float:
        return round(_LEFT + (place(value) - low) / (high - low) * width, 1)

    def y(share: float) -> float:
        return round(_TOP + (1 - share / top) * height, 1)

    parts = [f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    for number in range(1, round(top / step) + 1):
        level = number * step
        parts.append(f'<path class="grid" d="M{_LEFT} {y(level)}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y(level) + 4}" class="end">{level * 100:g}%</text>')
    parts.append(f'<text x="4" y="10" class="quiet">share of {unit}</text>')
    for value, text in (marks or {}).items():
        parts.append(f'<path class="mark" d="M{x(value)} {_TOP - 8}V{y(0)}"/>')
        parts.append(f'<text x="{x(value) + 3}" y="{_TOP - 4}" class="quiet">{escape(text)}</text>')
    for number, (name, share) in enumerate(shares.items()):
        outline = f"M{x(histogram.edges[0])} {y(0)}" + "".join(
            f"V{y(value)}H{x(edge)}" for value, edge in zip(share, histogram.edges[1:], strict=True)
        )
        parts.append(f'<path class="split s{number}" d="{outline}V{y(0)}"><title>{escape(name)}</title></path>')
    parts.append(f'<path class="axis" d="M{_LEFT} {y(0)}H{_WIDTH - _RIGHT}"/>')
    parts += [
        f'<text x="{x(value)}" y="{y(0) + 14}" class="middle">{escape(text)}</text>' for value, text in ticks.items()
    ]
    parts.append(f'<text x="{_LEFT + width / 2}" y="{_HEIGHT - 5}" class="middle quiet">{escape(axis)}</text></svg>')
    return "".join(parts)


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


def _scale(greatest: float) -> tuple[float, float]:
    """Return the end of an axis that begins at 0 and the distance of its lines: 1, 2 or 5 times a power of ten."""
    greatest = greatest or 1.0
    rough = greatest / 3
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return math.ceil(round(greatest / step, 6)) * step, step
