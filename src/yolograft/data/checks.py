"""Finding the file and the line that a fault in a data set is in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: How far ultralytics lets a coordinate lie outside 0 … 1 before it refuses the label file.
TOLERANCE = 0.01


@dataclass(frozen=True)
class Fault:
    """Something wrong with a file of a data set.

    Attributes:
        file: path of the image or label file at fault.
        line: its line, counted from 1; None where the whole file is meant.
        message: what is wrong. It ends in "kept" where the labels are used all the same.
    """

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        """Return `file:line: message`, the form that editors can follow."""
        return f"{self.file}: {self.message}" if self.line is None else f"{self.file}:{self.line}: {self.message}"


def summary_lines(faults: Sequence[Fault], limit: int = 5) -> list[str]:
    """Return the first faults, one per line, and a last line that counts the rest.

    Args:
        faults: what was found.
        limit: how many to show.
    """
    lines = [str(fault) for fault in faults[:limit]]
    if len(faults) > limit:
        lines.append(f"… and {len(faults) - limit} more")
    return lines


def refused_rows(label: str, nc: int, single_cls: bool = False) -> list[Fault]:
    """Find what makes ultralytics refuse a label file, by ultralytics' own rules.

    Args:
        label: the label file.
        nc: number of classes.
        single_cls: class numbers do not matter.

    Returns:
        One fault for each kind of mistake, at the first line that has it; none where nothing is wrong.
    """
    try:
        rows = list(_rows(label))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return [Fault(label, line, f"byte 0x{error.object[error.start]:02x} is not UTF-8 text")]
    except OSError as error:
        return [Fault(label, None, f"the label file cannot be read: {error.strerror}")]
    polygons = any(len(columns) > 6 for _, columns in rows)
    found = ((line, _refused(columns, nc, single_cls, polygons)) for line, columns in rows)
    return _first_of_each_kind(label, found)


def doubtful_rows(label: str) -> list[Fault]:
    """Find the rows of a box label file that ultralytics uses though they can hardly be meant so.

    Args:
        label: a label file that ultralytics reads.

    Returns:
        One fault for each kind (a box that reaches out of the image by over 1 %, a box without area).
    """
    return _first_of_each_kind(label, ((line, _doubtful(columns)) for line, columns in _rows(label)))


def has_doubtful(rows: np.ndarray) -> bool:
    """Tell quickly whether `doubtful_rows` would find something.

    Args:
        rows: [n, 5]: class, centre x, centre y, width, height in fractions of the image.
    """
    centre, size = rows[:, 1:3], rows[:, 3:5]
    low, high = centre - size / 2, centre + size / 2
    return bool((low < -TOLERANCE).any() or (high > 1 + TOLERANCE).any() or (size == 0).any())


def _rows(label: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and columns of the lines that hold something, split as ultralytics splits them."""
    text = Path(label).read_bytes().decode("utf-8-sig")
    for line, row in enumerate(text.splitlines(), start=1):
        if row.strip():
            yield line, row.split()


# A mistake is (kind, message): mistakes of one kind in one file are reported once.
_Mistake = tuple[str, str]


def _first_of_each_kind(label: str, found: Iterator[tuple[int, _Mistake | None]]) -> list[Fault]:
    """Gather mistakes by kind, in the order of their first lines."""
    first: dict[str, tuple[int, str]] = {}
    count: dict[str, int] = {}
    for line, mistake in found:
        if mistake:
            kind, message = mistake
            first.setdefault(kind, (line, message))
            count[kind] = count.get(kind, 0) + 1
    faults = []
    for kind, (line, message) in first.items():
        others = count[kind] - 1
        more = f" (and {others} more {'row' if others == 1 else 'rows'} like it)" if others else ""
        faults.append(Fault(label, line, message + more))
    return faults


def _refused(columns: list[str], nc: int, single_cls: bool, polygons: bool) -> _Mistake | None:
    """Return why ultralytics refuses one row, if it does. `polygons`: the file holds rows of more than 6 columns."""
    for text in columns:
        try:
            number = float(text)
        except ValueError:
            hint = "; write decimals with a point" if _is_decimal_comma(text) else ""
            return "number", f"{_shorten(text)!r} is not a number{hint}"
        if not np.isfinite(number):
            return "number", f"{text!r} is not a finite number"
    if polygons and len(columns) == 5:
        return "mixed", "a box (5 columns) among polygons; a label file holds one or the other"
    if polygons and (len(columns) < 7 or len(columns) % 2 == 0):
        return "columns", f"{len(columns)} columns; a polygon has a class and at least 3 points x y"
    if not polygons and len(columns) != 5:
        return "columns", f"{len(columns)} columns instead of 5 (class x y width height)"
    values = np.array(columns, dtype=np.float32)  # single precision decides at the limits, as in ultralytics
    if values[0] % 1:
        return "class", f"class {columns[0]} is not a whole number"
    if values[0] < 0 or (values[0] >= nc and not single_cls):
        return "range", f"class {int(values[0])} is out of range; the data set has classes 0 to {nc - 1}"
    if not polygons:
        for name, value, text in zip(("width", "height"), values[3:], columns[3:], strict=True):
            if value < 0:
                return "negative", f"{name} {text} is negative"
    outside = [
        text
        for text, value in zip(columns[1:], values[1:], strict=True)
        if value > np.float32(1 + TOLERANCE) or value < np.float32(-TOLERANCE)
    ]
    if outside and max(values[1:]) > 2:
        return "pixels", f"coordinate {outside[0]} is not a fraction of the image (0 to 1); are these pixels?"
    if outside:
        return "outside", f"coordinate {outside[0]} is outside the image (0 to 1)"
    return None


def _doubtful(columns: list[str]) -> _Mistake | None:
    """Return what is odd about one row that ultralytics accepts."""
    if len(columns) != 5:
        return None  # a polygon: its box is made from points that lie inside the image
    _, x, y, width, height = (float(text) for text in columns)
    if width == 0 or height == 0:
        return "area", f"a box without area ({width:g} x {height:g}); kept"
    for name, centre, size in (("x", x, width), ("y", y, height)):
        low, high = centre - size / 2, centre + size / 2
        if low < -TOLERANCE or high > 1 + TOLERANCE:
            return "overhang", f"the box reaches outside the image ({name} from {low:.3f} to {high:.3f}); kept"
    return None


def _is_decimal_comma(text: str) -> bool:
    """Tell whether text would be a number if its comma were a point."""
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return "," in text


def _shorten(text: str, limit: int = 40) -> str:
    """Keep a message on one line."""
    return text if len(text) <= limit else text[:limit] + "…"
