"""Pictures with what was found in them; of several runs side by side."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from yolograft.common.fonts import font_for, own_font
from yolograft.common.text import plain
from yolograft.evaluation.predict.finder import Found
from yolograft.upstream.plotting import annotated

_WIDEST = 16_384
"""Pixels of the widest picture: JPEG ends at 65,535, and viewers before."""
_GAP = 6


def draw(
    image: np.ndarray, names: Sequence[Mapping[int, str]], found: Sequence[Sequence[Found]], titles: Sequence[str]
) -> np.ndarray:
    """Draw what one or several detectors have found.

    Args:
        image: [H, W, 3] uint8, blue first; stays as it is.
        names: For each detector its class names by number.
        found: For each detector what it has found.
        titles: What each detector is called; written above its picture where there are several.

    Returns:
        [H', W', 3] uint8, blue first.
    """
    panels = [
        annotated(
            image,
            [each.box for each in boxes],
            [_label(each, of) for each in boxes],
            [each.label if each.track is None else each.track for each in boxes],
        )
        for of, boxes in zip(names, found, strict=True)
    ]
    if len(panels) == 1:
        return panels[0]
    if (width := sum(panel.shape[1] for panel in panels)) > _WIDEST:
        share = _WIDEST / width
        panels = [cv2.resize(panel, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) for panel in panels]
    known = [title if font_for(plain(title)) else f"run {number}" for number, title in enumerate(titles, start=1)]
    headed = [_with_title(panel, title) for panel, title in zip(panels, known, strict=True)]
    gap = np.full((headed[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.hstack([part for panel in headed for part in (gap, panel)][1:])


def _label(found: Found, names: Mapping[int, str]) -> str:
    name = plain(names[found.label])
    name = name if font_for(name) else f"class {found.label}"  # no font has its letters
    track = "" if found.track is None else f"{found.track} "
    return f"{track}{name} {found.confidence:.2f}"


def _with_title(panel: np.ndarray, title: str) -> np.ndarray:
    """Return a picture under a line of text; text that is too wide is cut."""
    text, size = plain(title), max(12, round(panel.shape[1] / 40))
    strip = Image.new("RGB", (panel.shape[1], 2 * size), "white")
    font = ImageFont.truetype(font_for(text) or own_font(), size)
    ImageDraw.Draw(strip).text((size // 2, size // 3), text, fill="black", font=font)
    return np.vstack([np.asarray(strip)[..., ::-1], panel])
