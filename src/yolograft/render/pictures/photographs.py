"""Validation images with the boxes of several variants side by side, as one picture."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from yolograft.analysis.samples import Samples
from yolograft.common.figures import shortened
from yolograft.common.fonts import font_for, own_font
from yolograft.common.text import plain
from yolograft.render.pages.colours import palette
from yolograft.render.photograph import read_photograph
from yolograft.runs.predictions import Box

_MARGIN, _LINE, _LETTERS = 10, 22, 15
_MOST_ENTRIES = 24


def photographs_png(samples: Samples) -> bytes | None:
    """Draw `samples`: a row for each image, a column for the labels and for each variant; None without images."""
    rows = [(sample, image) for sample in samples.images if (image := read_photograph(sample.file))]
    if not rows:
        return None
    titles = ["labelled", *samples.variants]
    columns = [[sample.labelled, *map(sample.found.get, samples.variants)] for sample, _ in rows]
    colours = palette(len(samples.names))
    legend = sorted({box.label for row in columns for boxes in row for box in boxes or ()})[:_MOST_ENTRIES]
    step = _MARGIN + max(*(image.width for _, image in rows), *(_letters(title)[2] for title in titles))
    entries = sum(40 + _letters(samples.names[label])[2] for label in legend)
    width = _MARGIN + max(len(titles) * step, entries)
    height = 2 * _LINE + 2 * _MARGIN + sum(image.height + _MARGIN for _, image in rows)
    canvas = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(canvas)
    for column, title in enumerate(titles):
        _write(pen, _MARGIN + column * step, _MARGIN // 2, title)
    top = _LINE + _MARGIN
    for (_, image), row in zip(rows, columns, strict=True):
        for column, boxes in enumerate(row):
            if boxes is not None:
                canvas.paste(_with_boxes(image, boxes, colours), (_MARGIN + column * step, top))
        top += image.height + _MARGIN
    left = _MARGIN
    for label in legend:
        pen.rectangle((left, top + 3, left + 13, top + 16), fill=colours[label], outline="black")
        left += 40 + _write(pen, left + 20, top, samples.names[label])
    content = io.BytesIO()
    canvas.save(content, "PNG")
    return content.getvalue()


def _with_boxes(image: Image.Image, boxes: Sequence[Box], colours: Sequence[str]) -> Image.Image:
    drawn = image.copy()
    pen = ImageDraw.Draw(drawn)
    places = [
        (*(corner * side for corner, side in zip(box.corners, image.size * 2, strict=True)), box.label) for box in boxes
    ]
    for left, top, right, bottom, _ in places:  # dark below, so that any colour is seen on any ground
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline="black", width=4)
    for left, top, right, bottom, label in places:
        if right - left > 2 and bottom - top > 2:
            pen.rectangle((left + 1, top + 1, right - 1, bottom - 1), outline=colours[int(label)], width=2)
    return drawn


def _write(pen: ImageDraw.ImageDraw, left: int, top: int, text: str) -> int:
    """Write a line of text and return its width in pixels."""
    shown, font, width = _letters(text)
    pen.text((left, top), shown, fill="black", font=font)
    return width


def _letters(text: str) -> tuple[str, ImageFont.FreeTypeFont, int]:
    """Return a text as it is shown, its font and its width in pixels."""
    shown = shortened(plain(text), 40)
    font = ImageFont.truetype(font_for(shown) or own_font(), _LETTERS)
    return shown, font, round(font.getlength(shown))
