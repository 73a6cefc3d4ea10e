"""Validation images with the boxes of several variants side by side, as one picture."""

import io

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from yolograft.pages.colours import palette
from yolograft.report.photograph import read_photograph
from yolograft.report.pictures.style import new_figure, own_style, shortened
from yolograft.report.samples import Samples

_SIDE = 1.9
"""Inches of an image."""


def photographs_png(samples: Samples) -> bytes | None:
    """Draws `samples`: a row for each image, a column for the labels and for each variant; None without images."""
    with own_style():
        figure = draw_photographs(samples)
        if figure is None:
            return None
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=150, metadata={"Software": None})
    return content.getvalue()


def draw_photographs(samples: Samples) -> Figure | None:
    """The picture as a matplotlib figure; None where no image can be read."""
    images = [(sample, image) for sample in samples.images if (image := read_photograph(sample.file))]
    if not images:
        return None
    columns = ["labelled", *samples.variants]
    colours = palette(len(samples.names))
    figure = new_figure(_SIDE * len(images) + 0.7, _SIDE * len(columns))
    seen: set[int] = set()
    for row, (sample, image) in zip(figure.subplots(len(images), len(columns), squeeze=False), images, strict=True):
        views = [sample.labelled, *(sample.found.get(label) for label in samples.variants)]
        for axes, title, boxes in zip(row, columns, views, strict=True):
            axes.set_axis_off()
            if boxes is None:
                continue
            axes.imshow(np.asarray(image), interpolation="antialiased")
            for box in boxes:
                left, top, right, bottom = np.array(box.corners) * (*image.size, *image.size)
                place = ((left - 0.5, top - 0.5), right - left, bottom - top)
                axes.add_patch(Rectangle(*place, fill=False, ec="black", lw=2.4))
                axes.add_patch(Rectangle(*place, fill=False, ec=colours[box.label], lw=1.2))
                seen.add(box.label)
            if sample is images[0][0]:
                axes.set_title(shortened(title, 28), fontsize=8)
    handles = [
        Patch(fc=colours[label], ec="black", lw=0.5, label=shortened(samples.names[label], 24))
        for label in sorted(seen)
    ]
    if handles:
        figure.legend(handles=handles[:24], loc="outside lower center", ncols=min(len(handles), 6))
    return figure
