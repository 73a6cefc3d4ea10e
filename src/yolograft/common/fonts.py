"""Fonts that pictures made on any machine can write names with."""

from functools import lru_cache
from pathlib import Path

from matplotlib import font_manager, get_data_path
from matplotlib.ft2font import FT2Font


@lru_cache
def font_for(text: str) -> str | None:
    """Return the file of a font that has all letters of a text: matplotlib's own, or else any that is installed."""
    letters = {ord(c) for c in text if c.isprintable() and not c.isspace()}
    if letters <= _letters(own_font()):
        return own_font()
    installed = sorted(font_manager.findSystemFonts())
    return next((font for font in installed if letters <= _letters(font)), None)


def own_font() -> str:
    """Return the file of the font that comes with matplotlib."""
    return str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


@lru_cache
def _letters(font: str) -> frozenset[int]:
    try:
        return frozenset(FT2Font(font).get_charmap())
    except (OSError, RuntimeError, ValueError):  # not every file among a system's fonts is one
        return frozenset()
