"""Ultralytics' label files: a text file per image, `class x y w h` or a polygon per row, in fractions of the image."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolograft.common.files import open_regular
from yolograft.data.checks import Fault
from yolograft.data.labels.orphans import orphan_files
from yolograft.data.labels.pairing import labels_folders, pair
from yolograft.data.labels.pose import visibility
from yolograft.data.labels.reader import (
    TOLERANCE,
    LabelReader,
    Labels,
    UnreadableLabelsError,
    label_bytes,
    overhang,
)
from yolograft.data.places import exists

#: What labelling tools leave among the labels though it is none.
NOT_LABELS = ("classes.txt", "notes.txt", "obj.names", "predefined_classes.txt", "README.txt")


@dataclass(frozen=True)
class YoloLabels(LabelReader):
    """Label files where ultralytics looks for them, or beside the images.

    Attributes:
        beside: Look beside the image first; else in the folder that ultralytics' rule names: the last `images` of the
            image's path replaced by `labels`. What is not there is looked for in the other of the two, in any letter
            case of `images` and `labels`, and by the other ways of writing a name (see `pair`).
        keypoints: How many key points follow the box in each row, and numbers of each (`kpt_shape` of a data.yaml):
            they are left out. (0, 0) means none; None means unknown.
    """

    beside: bool = False
    keypoints: tuple[int, int] | None = None

    def files(self, images: Sequence[str]) -> list[str]:
        """See LabelReader; an empty name where the file is a labelling tool's list of classes."""
        from yolograft.upstream.data import img2label_paths

        def elsewhere(folder: str) -> list[str]:
            ours = str(Path(img2label_paths([str(Path(folder, "a.jpg"))])[0]).parent)
            return list(dict.fromkeys([ours, *labels_folders(folder), folder]))

        return pair(images, self.expected(images), elsewhere, ".txt", ignored=NOT_LABELS)

    def expected(self, images: Sequence[str]) -> list[str]:
        """See LabelReader."""
        from yolograft.upstream.data import img2label_paths

        found = [str(Path(i).with_suffix(".txt")) for i in images] if self.beside else img2label_paths(list(images))
        return ["" if os.path.basename(file) in NOT_LABELS else file for file in found]

    def read(self, image: str, file: str, shape: tuple[int, int], nc: int, single_cls: bool) -> Labels:
        """See LabelReader; read by ultralytics' own reader."""
        from yolograft.upstream.data import RefusedLabelsError, read_label_file

        raw = label_bytes(file) if file and exists(file) else b""
        keypoints = self.keypoints or (0, 0)
        try:
            rows, segments, duplicates = read_label_file(file, nc, single_cls, keypoints)
            if segments and keypoints[0]:  # which ultralytics takes where the columns are not those of `kpt_shape`
                raise RefusedLabelsError("polygons where kpt_shape states key points")
        except RefusedLabelsError as error:
            faults = refused_rows(file, nc, single_cls, keypoints)
            raise UnreadableLabelsError(faults or [Fault(file, None, str(error), "unreadable-labels")]) from None
        notes = _text_notes(file, raw) + _used_rows(file, rows, duplicates, keypoints)
        return Labels(rows, segments, [*self._conversions(file, rows, segments), *notes])

    def _conversions(self, file: str, rows: np.ndarray, segments: Sequence[np.ndarray]) -> Iterator[Fault]:
        """Yield what is done that is not what the files say by themselves."""
        if segments and all(len(points) == 4 for points in segments):
            yield Fault(file, None, "four corners in each row", "turned-boxes", len(segments))
        elif segments:
            yield Fault(file, None, "a polygon in each row", "polygons", len(segments))
        if self.keypoints and self.keypoints[0] and len(rows) and any(len(row) > 5 for _, row in _rows(file)):
            shape = list(self.keypoints)
            yield Fault(file, None, f"columns 2 to 5 of each row, as kpt_shape: {shape} says", "key-points", len(rows))

    def orphans(self, images: Sequence[str], files: Sequence[str], root: str) -> list[Fault]:
        """See LabelReader. Labels of another split's folder below the same one are none of this split's."""
        return orphan_files(images, files, ".txt", root, holds_rows, ignored=NOT_LABELS)


def holds_rows(file: str) -> bool:
    """Tell by its beginning whether a text file labels something: its first line is five numbers or more."""
    try:
        with open_regular(file) as stream:
            lines = stream.read(4096).decode("utf-8-sig", "replace").split("\n")
        columns = next((line.split() for line in lines if line.strip()), [])
        return len([float(text) for text in columns]) >= 5
    except (OSError, ValueError):
        return False


def refused_rows(label: str, nc: int, single_cls: bool = False, keypoints: tuple[int, int] = (0, 0)) -> list[Fault]:
    """Find what makes ultralytics refuse a label file, by ultralytics' own rules.

    Args:
        label: The label file.
        nc: Number of classes.
        single_cls: Class numbers do not matter.
        keypoints: How many key points follow the box in a row, and numbers of each.

    Returns:
        One fault for each kind of mistake, at the first line that has it; none where nothing is wrong.
    """
    try:
        rows = [(line, _without_key_points(columns, keypoints)) for line, columns in _rows(label)]
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return [Fault(label, line, f"byte 0x{error.object[error.start]:02x} is not UTF-8 text", "encoding")]
    except OSError as error:
        return [Fault(label, None, f"the label file cannot be read: {error.strerror}", "unreadable-labels")]
    if not keypoints[0] and (count := visibility([columns for _, columns in rows])):
        message = f"pose labels? {count * 3 + 5} columns are a box and {count} key points x y visibility; "
        return [Fault(label, rows[0][0], f"{message}if so, kpt_shape: [{count}, 3] in the data.yaml says it", "pose")]
    if keypoints[0] and (odd := next(((line, len(row)) for line, row in rows if len(row) != 5), None)):
        expected = f"5 or {5 + keypoints[0] * keypoints[1]} columns that kpt_shape: {list(keypoints)} states"
        return [Fault(label, odd[0], f"{odd[1]} columns instead of the {expected}", "columns")]
    polygons = any(len(columns) > 6 for _, columns in rows)
    return _first_of_each_kind(label, ((line, _refused(columns, nc, single_cls, polygons)) for line, columns in rows))


def _used_rows(label: str, rows: np.ndarray, duplicates: int, keypoints: tuple[int, int]) -> list[Fault]:
    """Find the rows that ultralytics uses though they can hardly be meant so, and those that it drops as repeated."""
    centre, size = rows[:, 1:3], rows[:, 3:5]
    low, high = centre - size / 2, centre + size / 2
    if not (duplicates or (low < -TOLERANCE).any() or (high > 1 + TOLERANCE).any() or (size == 0).any()):
        return []
    written = [(line, _without_key_points(columns, keypoints)) for line, columns in _rows(label)]
    seen: set[tuple[float, ...]] = set()

    def doubts() -> Iterator[tuple[int, "_Mistake | None"]]:
        for line, columns in written:
            values = tuple(np.array(columns, np.float32).tolist())
            if values in seen:
                yield line, ("duplicate-row", "repeats a row before it; used once")
            elif len(columns) == 5:  # the box of a polygon is made from points that lie inside the image
                yield line, _doubtful(values)
            seen.add(values)

    return _first_of_each_kind(label, doubts())


def _text_notes(label: str, raw: bytes) -> list[Fault]:
    """Return what an editor on Windows left in a label file."""
    notes = []
    if raw.startswith(b"\xef\xbb\xbf"):
        notes.append(Fault(label, 1, "begins with a byte-order mark; passed over", "bom"))
    if b"\r\n" in raw:
        notes.append(Fault(label, 1, "Windows line ends; read like others", "crlf"))
    return notes


def _rows(label: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and columns of the lines that hold something, split as ultralytics splits them."""
    text = label_bytes(label).decode("utf-8-sig")
    for line, row in enumerate(text.splitlines(), start=1):
        if row.strip():
            yield line, row.split()


def _without_key_points(columns: list[str], keypoints: tuple[int, int]) -> list[str]:
    return columns[:5] if keypoints[0] and len(columns) == 5 + keypoints[0] * keypoints[1] else columns


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
    return [Fault(label, line, message, kind, count[kind]) for kind, (line, message) in first.items()]


def _refused(columns: list[str], nc: int, single_cls: bool, polygons: bool) -> _Mistake | None:
    """Return why ultralytics refuses one row, if it does. `polygons`: the file holds rows of more than 6 columns."""
    for text in columns:
        try:
            number = float(text)
        except ValueError:
            if _is_decimal_comma(text):
                return "comma", f"{_shorten(text)!r} is not a number; write decimals with a point"
            return "number", f"{_shorten(text)!r} is not a number"
        if not np.isfinite(number):
            return "number", f"{_shorten(text)!r} is not a finite number"
    if polygons and len(columns) == 5:
        return "mixed", "a box (5 columns) among polygons; a label file holds one or the other"
    if polygons and (len(columns) < 7 or len(columns) % 2 == 0):
        return "columns", f"{len(columns)} columns; a polygon has a class and at least 3 points x y"
    if not polygons and len(columns) != 5:
        return "columns", f"{len(columns)} columns instead of 5 (class x y width height)"
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.array(columns, dtype=np.float32)  # single precision decides at the limits, as in ultralytics
        is_whole = values[0] % 1 == 0
    if not is_whole:
        return "class", f"class {columns[0]} is not a whole number"
    if values[0] < 0 or (values[0] >= nc and not single_cls):
        return "class-range", f"class {_shorten(columns[0])} is out of range; the data set has classes 0 to {nc - 1}"
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
        return "pixels", f"coordinate {_shorten(outside[0])} is not a fraction of the image (0 to 1); are these pixels?"
    if outside:
        return "outside", f"coordinate {_shorten(outside[0])} is outside the image (0 to 1)"
    return None


def _doubtful(row: Sequence[float]) -> _Mistake | None:
    """Return what is odd about one box that ultralytics accepts."""
    if row[3] == 0 or row[4] == 0:
        return "zero-area", f"a box without area ({row[3]:g} x {row[4]:g}); kept"
    reach = overhang(row)
    return ("overhang", reach) if reach else None


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
