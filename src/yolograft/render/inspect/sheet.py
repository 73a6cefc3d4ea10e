"""The samples on one picture, with their boxes in the colours of a legend."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from yolograft.common.fonts import font_for, own_font
from yolograft.common.text import plain
from yolograft.data.inspect.samples import SAMPLE_SIDE, Picture
from yolograft.render.pages.colours import palette

_MARGIN, _LINE, _COLUMNS, _LETTERS = 12, 20, 4, 14


def sheet(pictures: Sequence[Picture], names: Mapping[int, str]) -> tuple[bytes, list[str]]:
    """Draw the samples with their boxes on one picture; names stand below, where they cover nothing.

    Args:
        pictures: The samples.
        names: Class names by number.

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
    return ImageFont.truetype(font_for(text) or own_font(), _LETTERS)
