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

log = logging.getLogger(__name__)

_PANELS = (
    ("box loss", {"train": "train/box_loss", "val": "val/box_loss"}),
    ("class loss", {"train": "train/cls_loss", "val": "val/cls_loss"}),
    ("DFL loss", {"train": "train/dfl_loss", "val": "val/dfl_loss"}),
    ("precision, recall", {"precision": "metrics/precision", "recall": "metrics/recall"}),
    ("mAP", {"mAP50": "metrics/mAP50", "mAP50-95": "metrics/mAP50-95"}),
    ("learning rate", {"": "lr/pg0"}),
)
_FEW_EPOCHS = 40
"""Below this, each epoch gets a marker."""


def draw_curves(metrics: Path, picture: Path) -> None:
    """Draw the columns of a metrics.csv over epochs.

    Args:
        metrics: The file to read.
        picture: The PNG to write; nothing is written, and a warning logged, where the file has no epoch.
    """
    columns = read_columns(metrics)
    epochs = sorted({epoch for curve in columns.values() for epoch in curve})
    if not epochs:
        log.warning("%s has no epoch that can be read: no picture of it is drawn", metrics)
        return
    content = io.BytesIO()
    with own_style():
        figure = new_figure(5.2, 9.6)
        for axes, (title, lines) in zip(figure.subplots(2, 3).flat, _PANELS, strict=True):
            drawn: list[float] = []
            for number, (label, column) in enumerate(lines.items()):
                curve = columns.get(column, {})
                drawn += curve.values()
                values = [curve.get(epoch, math.nan) for epoch in epochs]  # a gap where it is no finite number
                marker = "." if len(epochs) < _FEW_EPOCHS else ""
                axes.plot(epochs, values, color=SERIES[number], ls=DASHES[number], lw=1.4, marker=marker, label=label)
            if title.endswith("loss") and (top := axis_top(drawn)) is not None:
                axes.set_ylim(0, top * 1.12)
                title += f" (cut off: up to {max(drawn):.3g})"
            axes.set_title(title)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            if len(lines) > 1:
                axes.legend()
        figure.savefig(content, format="png", metadata={"Software": None})
    atomic_write(picture, content.getvalue())
