"""The picture of a training: losses and metrics per epoch, from metrics.csv, in the style of all figures."""

import io
import logging
import math
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from yolograft.common.figures import DASHES, SERIES, new_figure, own_style
from yolograft.common.files import atomic_write
from yolograft.runs.curves import read_columns
from yolograft.runs.spikes import axis_top
from yolograft.tasks.task import Panel, Task

log = logging.getLogger(__name__)

_LEARNING_RATE = Panel("learning rate", ("lr/pg0",))
_FEW_EPOCHS = 40
"""Below this, each epoch gets a marker."""


def draw_curves(metrics: Path, picture: Path, task: Task) -> None:
    """Draw the columns of a metrics.csv over epochs.

    Args:
        metrics: The file to read.
        picture: The PNG to write; nothing is written, and a warning logged, where the file has no epoch.
        task: Says which plots there are.
    """
    panels = (*task.panels, _LEARNING_RATE)
    columns = read_columns(metrics)
    epochs = sorted({epoch for curve in columns.values() for epoch in curve})
    if not epochs:
        log.warning("%s has no epoch that can be read: no picture of it is drawn", metrics)
        return
    content = io.BytesIO()
    with own_style():
        figure = new_figure(5.2, 9.6)
        for axes, panel in zip(figure.subplots(2, -(-len(panels) // 2)).flat, panels, strict=False):
            title = panel.title
            drawn: list[float] = []
            for number, column in enumerate(panel.columns):
                curve = columns.get(column, {})
                drawn += curve.values()
                values = [curve.get(epoch, math.nan) for epoch in epochs]  # a gap where it is no finite number
                marker = "." if len(epochs) < _FEW_EPOCHS else ""
                style = {"color": SERIES[number % len(SERIES)], "ls": DASHES[number % len(DASHES)], "marker": marker}
                axes.plot(epochs, values, lw=1.4, **style)
            if title.endswith("loss") and (top := axis_top(drawn)) is not None:
                axes.set_ylim(0, top * 1.12)
                title += f" (cut off: up to {max(drawn):.3g})"
            axes.set_title(title)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            if panel.labels:
                axes.legend(panel.labels)
        figure.savefig(content, format="png", metadata={"Software": None})
    atomic_write(picture, content.getvalue())
