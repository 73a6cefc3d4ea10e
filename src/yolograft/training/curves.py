"""The picture of a training: losses and metrics over epochs, from metrics.csv."""

import csv
import io
import logging
import math
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from yolograft.common.files import read_text
from yolograft.runs.spikes import axis_top
from yolograft.tasks.task import Panel, Task

log = logging.getLogger(__name__)

_LEARNING_RATE = Panel("learning rate", ("lr/pg0",))


def draw_curves(metrics: Path, picture: Path, task: Task) -> None:
    """Draw the columns of a metrics.csv over epochs.

    Args:
        metrics: The file to read.
        picture: The PNG to write; a file that cannot be read is named in the log instead.
        task: Says which plots there are.
    """
    panels = (*task.panels, _LEARNING_RATE)
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(metrics), newline="")))
        epochs = [int(row["epoch"]) for row in rows]
        curves = {column: [float(row[column]) for row in rows] for panel in panels for column in panel.columns}
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:  # TypeError: a row that was cut off
        log.warning("%s cannot be read, hence not drawn: %s", metrics, error)
        return
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(2, -(-len(panels) // 2)).flat, panels, strict=False):
        title, drawn = panel.title, [value for column in panel.columns for value in curves[column]]
        for column in panel.columns:
            axes.plot(epochs, curves[column], marker="." if len(rows) < 40 else "")
        if title.endswith("loss") and (top := axis_top(drawn)) is not None:
            axes.set_ylim(0, top * 1.12)
            title += f" (cut off: up to {max(filter(math.isfinite, drawn)):.3g})"
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        if panel.labels:
            axes.legend(panel.labels)
    figure.savefig(picture, dpi=110)
