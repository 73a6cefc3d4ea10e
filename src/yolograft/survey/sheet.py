"""The samples on one picture, with their boxes in the colours of a legend."""

import colorsys
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from matplotlib import font_manager, get_data_path
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from yolograft.survey.samples import SAMPLE_SIDE, Picture
from yolograft.survey.text import plain

# Okabe and Ito's colours, told apart with any colour vision, on photographs too.
_COLOURS = ("#56B4E9", "#E69F00", "#00B886", "#F0E442", "#E58AC0", "#D55E00", "#3D7DFF", "#FFFFFF")


_MARGIN, _LINE, _COLUMNS, _LETTERS = 12, 20, 4, 14


def palette(nc: int) -> list[str]:
    """Return a colour for each class; of a few classes all can be told apart, of many those of one picture mostly."""
    if nc <= len(_COLOURS):
        return list(_COLOURS[:nc])
    colours = (colorsys.hls_to_rgb(n * 0.618034 % 1, (0.55, 0.7, 0.8)[n % 3], 0.95) for n in range(nc))
    return ["#" + "".join(f"{round(channel * 255):02x}" for channel in colour) for colour in colours]


def sheet(pictures: Sequence[Picture], names: Mapping[int, str]) -> tuple[bytes, list[str]]:
    """Draw the samples with their boxes on one picture; names stand below, where they cover nothing.

    Args:
        pictures: the samples.
        names: class names by number.

    Returns:
        A PNG, and the class names that no installed font can write: they stand as `class 3`.
    """
    colours = palette(len(names))
    drawn = [_drawn(picture, colours) for picture in pictures]
    columns = min(_COLUMNS, len(drawn))
    rows = [drawn[i : i + columns] for i in range(0, len(drawn), columns)]
    heights = [max(image.height for image in row) + _LINE for row in rows]
    width = columns * (SAMPLE_SIDE + _MARGIN) + _MARGIN
    shown = sorted({cls for picture in pictures for cls in picture.classes})
    legend = list(_legend(shown, names, width - 2 * _MARGIN))
    lines = legend[-1][1] + 1 if legend else 0
    canvas = Image.new("RGB", (width, sum(heights) + (len(rows) + 2) * _MARGIN + lines * _LINE), "white")
    pen = ImageDraw.Draw(canvas)
    captions = iter(pictures)
    top = _MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, image in enumerate(row):
            left = _MARGIN + column * (SAMPLE_SIDE + _MARGIN)
            canvas.paste(image, (left, top))
            picture = next(captions)
            _write(pen, (left, top + image.height + 2), f"{picture.split}: {_shortened(Path(picture.file).name)}")
        top += height + _MARGIN
    for left, line, cls, text in legend:
        x, y = _MARGIN + left, top + line * _LINE
        pen.rectangle((x, y + 2, x + 12, y + 14), fill=colours[cls], outline="black")
        _write(pen, (x + 18, y), text)
    content = io.BytesIO()
    canvas.save(content, "PNG")
    return content.getvalue(), [names[cls] for cls in shown if font_for(names[cls]) is None]


def _drawn(picture: Picture, colours: Sequence[str]) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture.pixels[..., ::-1]))
    pen = ImageDraw.Draw(image)
    corners = [
        (box.cls, (box.left, box.top, max(box.left + box.width, box.left), max(box.top + box.height, box.top)))
        for box in picture.boxes
    ]
    for _, place in corners:
        pen.rectangle(place, outline="black", width=4)
    for cls, (left, top, right, bottom) in corners:
        if right - left > 2 and bottom - top > 2:
            pen.rectangle((left + 1, top + 1, right - 1, bottom - 1), outline=colours[cls], width=2)
    return image


def _legend(shown: Sequence[int], names: Mapping[int, str], width: int) -> Iterator[tuple[int, int, int, str]]:
    """Yield left edge, line, class number and text of each entry."""
    left = line = 0
    for cls in shown:
        text = _shortened(names[cls]) if font_for(names[cls]) else f"class {cls}"
        room = 18 + round(_font(text).getlength(text)) + 20
        if left and left + room > width:
            left, line = 0, line + 1
        yield left, line, cls, text
        left += room


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str) -> None:
    pen.text(place, text, fill="black", font=_font(text))


def _shortened(text: str, limit: int = 48) -> str:
    """Return text for one line of the sheet."""
    text = plain(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _font(text: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_for(text) or _own_font(), _LETTERS)


@lru_cache
def font_for(text: str) -> str | None:
    """Return the file of a font that has all letters of a text: matplotlib's own, or else any that is installed."""
    letters = {ord(c) for c in text if c.isprintable() and not c.isspace()}
    if letters <= _letters(_own_font()):
        return _own_font()
    installed = sorted(font_manager.findSystemFonts())
    return next((font for font in installed if letters <= _letters(font)), None)


def _own_font() -> str:
    return str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


@lru_cache
def _letters(font: str) -> frozenset[int]:
    try:
        return frozenset(FT2Font(font).get_charmap())
    except (OSError, RuntimeError, ValueError):  # not every file among a system's fonts is one
        return frozenset()
