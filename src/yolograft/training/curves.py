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

log = logging.getLogger(__name__)

_PANELS = (
    ("box loss", ("train/box_loss", "val/box_loss")),
    ("class loss", ("train/cls_loss", "val/cls_loss")),
    ("DFL loss", ("train/dfl_loss", "val/dfl_loss")),
    ("precision, recall", ("metrics/precision", "metrics/recall")),
    ("mAP", ("metrics/mAP50", "metrics/mAP50-95")),
    ("learning rate", ("lr/pg0",)),
)


def draw_curves(metrics: Path, picture: Path) -> None:
    """Draw the columns of a metrics.csv over epochs.

    Args:
        metrics: The file to read.
        picture: The PNG to write; a file that cannot be read is named in the log instead.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(metrics), newline="")))
        epochs = [int(row["epoch"]) for row in rows]
        curves = {column: [float(row[column]) for row in rows] for _, columns in _PANELS for column in columns}
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:  # TypeError: a row that was cut off
        log.warning("%s cannot be read, hence not drawn: %s", metrics, error)
        return
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, columns) in zip(figure.subplots(2, 3).flat, _PANELS, strict=True):
        drawn: list[float] = []
        for column in columns:
            drawn += curves[column]
            axes.plot(
                epochs, curves[column], marker="." if len(rows) < 40 else "", label=column.partition("/")[2] or column
            )
        if title.endswith("loss") and (top := axis_top(drawn)) is not None:
            axes.set_ylim(0, top * 1.12)
            title += f" (cut off: up to {max(filter(math.isfinite, drawn)):.3g})"
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        if len(columns) > 1:
            first = columns[0].partition("/")[0]
            names = ["train", "val"] if first == "train" else [c.partition("/")[2] for c in columns]
            axes.legend(names)
    figure.savefig(picture, dpi=110)
