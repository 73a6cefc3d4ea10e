"""The style that all figures share: report, data set page and the curves of a run.

Figures are made without pyplot, so that no state of it is shared with the plots of others.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from yolograft.common.fonts import font_for, own_font

# On a page these become variables of its style sheet (render/pictures/inline.py) and follow light and dark; hence each
# stands for one thing only.
GROUND, INK, QUIET, LINE = "#ffffff", "#1b1f24", "#5a636e", "#d9dde2"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's colours, distinguishable with any colour vision; their yellow is too pale for a point on white."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", ":", "-.")

WIDTH = 5.6
"""Inches: about a column and a half of a paper, and letters stay readable on a phone."""

_SETTINGS = {
    "font.size": 8.5,
    "font.family": ["DejaVu Sans"],
    "text.hinting": "none",  # as wide in a PNG of more dots as it was laid out
    "text.parse_math": False,  # names may hold a $
    "svg.fonttype": "none",  # letters stay letters: found by a search, read aloud, set in the page's font
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.facecolor": GROUND,
    "axes.facecolor": "none",
    "savefig.dpi": 200,
}


@dataclass(frozen=True)
class Picture:
    """A drawn picture.

    Attributes:
        name: Its files' name without ending, such as `map_vs_params`.
        title: What it shows, in a few words.
        text: How to read it, and what it leaves out.
        figure: The drawing.
        tips: What to say of a part of it when it is pointed at, by the part's gid.
    """

    name: str
    title: str
    text: str
    figure: Figure = field(repr=False)
    tips: Mapping[str, str] = field(default_factory=dict, repr=False)


@contextmanager
def own_style(names: str = "") -> Iterator[None]:
    """Apply our settings to all drawing and saving within, and restore matplotlib's own afterwards.

    Args:
        names: Letters of all names in the picture; a font that has them is added where one is installed.
    """
    settings = dict(_SETTINGS)
    font = font_for(names)
    if font not in (None, own_font()):
        font_manager.fontManager.addfont(font)
        settings["font.family"] = ["DejaVu Sans", font_manager.get_font(font).family_name]
    with rc_context(settings), warnings.catch_warnings():  # type: ignore[arg-type]  # its keys are typed as literals
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # no font has it: nothing to be done here
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure of so many inches, on a canvas of its own."""
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def freeze(figure: Figure) -> None:
    """Lay the figure out once; otherwise each file saved from it would repeat that."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def not_below_zero(axes: Axes) -> None:
    """End the axes at 0 where their margins would reach below; no value drawn here is negative."""
    if axes.get_xlim()[0] < 0:
        axes.set_xlim(left=0)
    if axes.get_ylim()[0] < 0:
        axes.set_ylim(bottom=0)


def shortened(text: str, limit: int = 36) -> str:
    """Return text cut to one line of a figure."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
