"""Rows of pose labels (class, box, key points), distinguished from polygons."""

from collections.abc import Sequence

import numpy as np

#: Below so many different rows, or with fewer points, polygons fit by chance.
_ROWS, _POINTS = 5, 5


def visibility(rows: Sequence[Sequence[str]]) -> int | None:
    """Return how many key points `x y visibility` the rows of a label file have after a box; None if they are else.

    Args:
        rows: Columns of each row, as text.
    """
    columns = {len(row) for row in rows}
    if len(columns) != 1 or (count := columns.pop()) < 8 or (count - 5) % 3:
        return None
    try:
        seen = {float(text) for row in rows for text in row[7::3]}
    except ValueError:
        return None
    return (count - 5) // 3 if seen <= {0, 1, 2} and max(seen) > 1 else None


def fits_key_points(lengths: np.ndarray, points: np.ndarray) -> tuple[int, int] | None:
    """Return the `kpt_shape` with which polygons would make sense as pose labels, too; None if they are polygons.

    All rows of pose labels have as many columns, and their key points lie in the box that the first four numbers make.

    Args:
        lengths: Points of each polygon.
        points: Float [all points, 2] in fractions of the image.
    """
    if not len(lengths) or lengths[0] < _POINTS or (lengths != lengths[0]).any():
        return None
    rows = np.unique(points.reshape(len(lengths), -1), axis=0)
    if len(rows) < _ROWS:
        return None
    low, high = rows[:, None, 0:2] - rows[:, None, 2:4] / 2, rows[:, None, 0:2] + rows[:, None, 2:4] / 2
    if (low < -0.01).any() or (high > 1.01).any():
        return None
    for dimensions in (2, 3):
        rest = rows[:, 4:]
        if rest.shape[1] % dimensions:
            continue
        marks = rest.reshape(len(rows), -1, dimensions)
        inside = ((marks[..., :2] >= low - 0.01) & (marks[..., :2] <= high + 0.01)).all(-1)
        unseen = (marks[..., :2] == 0).all(-1)
        plain = dimensions == 2 or bool(np.isin(marks[..., 2], (0, 1)).all())
        if plain and (inside | unseen).all():
            return marks.shape[1], dimensions
    return None
