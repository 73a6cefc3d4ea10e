"""Validation images with the boxes of several variants side by side, as one picture."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from yolograft.analysis.samples import Samples
from yolograft.common.figures import shortened
from yolograft.common.fonts import font_for, own_font
from yolograft.common.text import plain
from yolograft.render.pages.colours import palette
from yolograft.render.photograph import SIDE, read_photograph
from yolograft.runs.predictions import Box

_MARGIN, _LINE, _LETTERS = 10, 22, 15
_MOST_ENTRIES = 24


def photographs_png(samples: Samples) -> bytes | None:
    """Draw `samples`: a row for each image, a column for the labels and for each variant; None without images."""
    rows = [(sample, image) for sample in samples.images if (image := read_photograph(sample.file))]
    if not rows:
        return None
    titles = ["labelled", *samples.variants]
    colours = palette(len(samples.names))
    width = _MARGIN + len(titles) * (SIDE + _MARGIN)
    height = 2 * _LINE + 2 * _MARGIN + sum(image.height + _MARGIN for _, image in rows)
    canvas = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(canvas)
    for column, title in enumerate(titles):
        _write(pen, _MARGIN + column * (SIDE + _MARGIN), _MARGIN // 2, title)
    top, seen = _LINE + _MARGIN, set()
    for sample, image in rows:
        for column, boxes in enumerate([sample.labelled, *map(sample.found.get, samples.variants)]):
            if boxes is not None:
                canvas.paste(_with_boxes(image, boxes, colours), (_MARGIN + column * (SIDE + _MARGIN), top))
                seen |= {box.label for box in boxes}
        top += image.height + _MARGIN
    left = _MARGIN
    for label in sorted(seen)[:_MOST_ENTRIES]:
        pen.rectangle((left, top + 3, left + 13, top + 16), fill=colours[label], outline="black")
        left += 20 + _write(pen, left + 20, top, samples.names[label]) + 20
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
    text = shortened(plain(text), 40)
    font = ImageFont.truetype(font_for(text) or own_font(), _LETTERS)
    pen.text((left, top), text, fill="black", font=font)
    return round(font.getlength(text))
