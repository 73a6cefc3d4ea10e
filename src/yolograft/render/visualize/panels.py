"""The small pictures of one detector's view of one image, and all of an image's as one grid."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from yolograft.common.figures import shortened
from yolograft.common.fonts import font_for, own_font
from yolograft.common.text import plain
from yolograft.evaluation.visualize.maps import SHARES, Field
from yolograft.evaluation.visualize.scenes import Scene
from yolograft.evaluation.visualize.views import View
from yolograft.render.pages.colours import palette
from yolograft.runs.predictions import Box

RIGHT, WRONG, MISSED = "#00B886", "#FF5A1F", "#56B4E9"
"""Colours of boxes that are found and labelled, found and not labelled, labelled and not found."""
_SIDE = 320
"""Longer side of a panel, pixels."""
_MARGIN, _LINE, _LETTERS = 8, 20, 14
_HEAT = "inferno"
_DASH = 6


@dataclass(frozen=True)
class Panel:
    """One small picture.

    Attributes:
        title: What it is: `EigenCAM P3`.
        caption: What is to be said of it.
        image: The picture.
    """

    title: str
    caption: str
    image: Image.Image

    @property
    def jpeg(self) -> bytes:
        """The picture as a JPEG file."""
        content = io.BytesIO()
        self.image.save(content, "JPEG", quality=85)
        return content.getvalue()


def panels(scene: Scene, view: View, names: Sequence[str]) -> list[Panel]:
    """Return the panels of a detector's view of an image: boxes, EigenCAM by level, GradCAM, features by level.

    Args:
        scene: The image.
        view: What the detector makes of it.
        names: Class names by number.
    """
    image = Image.fromarray(scene.image)
    scale = _SIDE / max(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    made = [_boxes_panel(image, view, names)]
    for level, heat in zip(view.levels, view.eigen, strict=True):
        made.append(Panel(f"EigenCAM {level}", "", _overlaid(image, heat)))
    if view.grad:
        said = f"of {plain(names[view.grad.label])} {view.grad.confidence:.2f}"
        made.append(Panel(f"GradCAM {view.grad.level}", said, _overlaid(image, view.grad.heat)))
    else:
        made.append(Panel("GradCAM", "none: this head's answers are cut off", image))
    for level, channels in zip(view.levels, view.features, strict=True):
        said = f"the {len(channels)} channels that vary most"
        made.append(Panel(f"features {level}", said, _mosaic(channels, image.size)))
    return made


def field_panels(fields: dict[str, Field]) -> list[Panel]:
    """Return a panel for the effective receptive field of each level.

    Args:
        fields: By level.
    """
    made = []
    for level, found in fields.items():
        within = " and ".join(f"{share:.0%} within {side} px" for share, side in zip(SHARES, found.sides, strict=True))
        # On a linear scale all but the middle is dark: the 0.25 power shows where anything comes from.
        picture = _coloured(found.heat**0.25).resize((_SIDE, _SIDE))
        pen = ImageDraw.Draw(picture)
        for side in found.sides:
            half = side / found.heat.shape[0] * _SIDE / 2
            pen.rectangle(
                (_SIDE / 2 - half, _SIDE / 2 - half, _SIDE / 2 + half - 1, _SIDE / 2 + half - 1), outline="white"
            )
        made.append(Panel(f"receptive field {level}", within, picture))
    return made


def grid_png(rows: Sequence[tuple[str, Sequence[Panel]]]) -> bytes:
    """Return panels as one picture: a row for each detector, a column for each kind of panel.

    Args:
        rows: What each row is called, and its panels.
    """
    columns = max(len(row) for _, row in rows)
    heights = [max(panel.image.height for panel in row) + 3 * _LINE + _MARGIN for _, row in rows]
    canvas = Image.new("RGB", (_MARGIN + columns * (_SIDE + _MARGIN), sum(heights) + _MARGIN), "white")
    pen = ImageDraw.Draw(canvas)
    top = _MARGIN
    for (name, row), height in zip(rows, heights, strict=True):
        _write(pen, _MARGIN, top - 2, name, 200)
        for column, panel in enumerate(row):
            left = _MARGIN + column * (_SIDE + _MARGIN)
            _write(pen, left, top + _LINE - 2, panel.title, 40)
            _write(pen, left, top + 2 * _LINE - 2, panel.caption, 44)
            canvas.paste(panel.image, (left, top + 3 * _LINE))
        top += height
    content = io.BytesIO()
    canvas.save(content, "PNG")
    return content.getvalue()


def _boxes_panel(image: Image.Image, view: View, names: Sequence[str]) -> Panel:
    drawn = image.copy()
    if view.matched is None:
        colours = palette(len(names))
        for box in reversed(view.found):
            _draw(drawn, box, colours[box.label])
        return Panel("found", f"{len(view.found)} boxes", drawn)
    matched = view.matched
    for boxes, colour, dashed in (
        (matched.missed, MISSED, True),
        (matched.wrong, WRONG, False),
        (matched.right, RIGHT, False),
    ):
        for box in boxes:
            _draw(drawn, box, colour, dashed=dashed)
    said = f"{len(matched.right)} right, {len(matched.wrong)} wrong, {len(matched.missed)} missed"
    return Panel("found", said, drawn)


def _draw(image: Image.Image, box: Box, colour: str, *, dashed: bool = False) -> None:
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = (c * side for c, side in zip(box.corners, image.size * 2, strict=True))
    right, bottom = max(left + 1, min(right, image.width - 1)), max(top + 1, min(bottom, image.height - 1))
    if not dashed:
        pen.rectangle((left, top, right, bottom), outline="black", width=4)
        pen.rectangle((left + 1, top + 1, max(left + 1, right - 1), max(top + 1, bottom - 1)), outline=colour, width=2)
        return
    for start, end in _dashes(left, right):
        for y in (top, bottom):
            pen.line((start, y, end, y), fill="black", width=4)
            pen.line((start, y, end, y), fill=colour, width=2)
    for start, end in _dashes(top, bottom):
        for x in (left, right):
            pen.line((x, start, x, end), fill="black", width=4)
            pen.line((x, start, x, end), fill=colour, width=2)


def _dashes(low: float, high: float) -> Iterator[tuple[float, float]]:
    start = low
    while start < high:
        yield start, min(start + _DASH, high)
        start += 2 * _DASH


def _coloured(heat: np.ndarray) -> Image.Image:
    """Return values of 0…1 as colours."""
    return Image.fromarray((mpl.colormaps[_HEAT](np.clip(heat, 0, 1))[..., :3] * 255).astype(np.uint8))


def _overlaid(image: Image.Image, heat: np.ndarray) -> Image.Image:
    """Return an image with a map of it laid over."""
    grey = image.convert("L").convert("RGB")
    return Image.blend(grey, _coloured(heat).resize(image.size, Image.Resampling.BILINEAR), 0.6)


def _mosaic(channels: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Return channels side by side, four in a row, in a picture of a size."""
    canvas = Image.new("RGB", size, "white")
    width, height = size[0] // 4, size[1] // 4
    for place, channel in enumerate(channels):
        tile = _coloured(channel).resize((max(width - 1, 1), max(height - 1, 1)), Image.Resampling.NEAREST)
        canvas.paste(tile, (place % 4 * width, place // 4 * height))
    return canvas


def _write(pen: ImageDraw.ImageDraw, left: int, top: int, text: str, letters: int) -> None:
    text = shortened(plain(text), letters)
    font = ImageFont.truetype(font_for(text) or own_font(), _LETTERS)
    pen.text((left, top), text, fill="black", font=font)
