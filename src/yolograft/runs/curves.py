"""What a run's `metrics.csv` tells: the curves of its losses, metrics and learning rate."""

import csv
import io
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from yolograft.common.files import read_text
from yolograft.common.typed import MANY

METRICS_FILE = "metrics.csv"
"""A row for each epoch, in the run's folder."""

_MAX_FILE = 64 * 2**20
"""Bytes of a metrics.csv that are read."""
_MAX_EPOCHS = 100_000

Curve = Mapping[int, float]
"""A value by epoch."""


def read_columns(file: Path) -> dict[str, dict[int, float]]:
    """Return the columns of a `metrics.csv` by epoch; empty where it cannot be read.

    Reading stops at a row that is cut off or whose epoch is no number. Values that are no finite numbers are left out.

    Args:
        file: The file, which may be damaged.
    """
    columns: dict[str, dict[int, float]] = {}
    try:
        lines = io.StringIO(read_text(file, _MAX_FILE), newline="")
        for row in islice(csv.DictReader(lines), _MAX_EPOCHS):
            epoch = int(row.pop("epoch"))
            if not 0 <= epoch <= _MAX_EPOCHS:
                break
            for name, value in {key: float(text) for key, text in row.items() if key}.items():
                if abs(value) <= MANY:  # neither infinite nor NaN
                    columns.setdefault(name, {})[epoch] = value
    except (OSError, ValueError, KeyError, TypeError, csv.Error):  # TypeError: a row that was cut off
        return columns
    return columns


def loss_sums(columns: Mapping[str, Curve]) -> dict[str, dict[int, float]]:
    """Return `training loss` and `validation loss`, sums of box, class and DFL loss, where all of these are known.

    Args:
        columns: As `read_columns` returns them.
    """
    sums = {}
    for title, prefix in (("training loss", "train/"), ("validation loss", "val/")):
        parts = [curve for name, curve in columns.items() if name.startswith(prefix)]
        if parts:
            epochs = set.intersection(*(set(part) for part in parts))
            sums[title] = {epoch: sum(part[epoch] for part in parts) for epoch in sorted(epochs)}
    return sums
