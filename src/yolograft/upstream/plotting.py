"""Boxes drawn as ultralytics draws them, with a font that has the letters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import ImageFont
from ultralytics.utils.plotting import Annotator, colors

from yolograft.common.fonts import font_for, own_font

__all__ = ["annotated"]


def annotated(
    image: np.ndarray, boxes: Sequence[tuple[float, ...]], labels: Sequence[str], numbers: Sequence[int]
) -> np.ndarray:
    """Return a copy of an image with labelled boxes.

    Args:
        image: [H, W, 3] uint8, blue first.
        boxes: Left, top, right, bottom, pixels; the first is drawn last, above the others.
        labels: What is written at each box.
        numbers: Each box's colour, by number of its class or track.
    """
    text = "".join(labels)
    annotator = Annotator(
        image.copy(), pil=not text.isascii(), example="abc"
    )  # with another example it asks for a font
    if annotator.pil:  # stock's own font has no Chinese
        font: Any = ImageFont.truetype(font_for(text) or own_font(), annotator.font.size)
        font.getsize = lambda written: font.getbbox(written)[2:4]  # which stock asks for
        annotator.font = font
    for box, label, number in reversed(list(zip(boxes, labels, numbers, strict=True))):
        annotator.box_label(list(box), label, color=colors(number, bgr=True))
    return np.asarray(annotator.result())
