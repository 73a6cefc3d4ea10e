"""Labels as labelme writes them: a JSON file per image, shapes in pixels."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolograft.common.files import read_regular
from yolograft.common.parsing import parse_json
from yolograft.data.checks import Fault
from yolograft.data.labels.orphans import orphan_files
from yolograft.data.labels.pairing import pair
from yolograft.data.labels.reader import (
    LabelReader,
    Labels,
    PixelBox,
    UnreadableLabelsError,
    from_pixels,
)
from yolograft.data.labels.size import labelled_size
from yolograft.data.places import exists

#: Bytes of the largest file; it may hold the image itself (`imageData`), which is not looked at.
MAX_BYTES = 64 * 2**20

#: Shapes that have an area. Of a mask the points are the corners of its box.
BOXES, OUTLINES = ("rectangle", "mask"), ("polygon", "circle", "rotation")

#: Where the JSON files lie if not beside the images: a folder beside `images`.
FOLDERS = ("annotations", "labels", "json", "jsons")


@dataclass(frozen=True)
class LabelmeLabels(LabelReader):
    """JSON files beside the images, or in a folder beside `images`.

    Attributes:
        names: Class names by number.
    """

    names: tuple[str, ...]

    def files(self, images: Sequence[str]) -> list[str]:
        """See LabelReader."""
        return pair(images, self.expected(images), lambda folder: [folder], ".json")

    def expected(self, images: Sequence[str]) -> list[str]:
        """See LabelReader."""
        return [label_file(Path(image)) for image in images]

    def read(self, image: str, file: str, shape: tuple[int, int], nc: int, single_cls: bool) -> Labels:
        """See LabelReader. Polygons and circles become the boxes around them; lines and points are left out."""
        if not exists(file):
            return from_pixels(file, [], (1, 1), nc, single_cls)
        document = parse(file)
        stated = (_number(document.get("imageWidth")), _number(document.get("imageHeight")))
        size = labelled_size(file, "the image", stated, shape)
        number = {name: cls for cls, name in enumerate(self.names)}
        boxes: list[PixelBox] = []
        grave: list[Fault] = []
        outlines: list[str] = []
        ignored: list[str] = []
        for where, label, kind, points in _shapes(document):
            if kind not in BOXES + OUTLINES:
                ignored.append(f"{where}: {kind[:40]} has no box")
            elif label not in number:
                known = ", ".join(self.names[:10]) + (", …" if len(self.names) > 10 else "")
                message = f"{where}: there is no class {label[:60]!r}; the classes are {known}"
                grave.append(Fault(file, None, message, "class-range"))
            elif (box := _box(kind, points)) is None:
                grave.append(Fault(file, None, f"{where}: its points are not those of a {kind}", "number"))
            else:
                boxes.append(PixelBox(number[label], *box, where))
                outlines += [f"{where}: {kind} read as the box around it"] * (kind in OUTLINES)
        if grave:
            raise UnreadableLabelsError(grave)
        faults = [Fault(file, None, said[0], "polygons", len(said)) for said in [outlines] if said]
        faults += [Fault(file, None, f"{said[0]}; left out", "ignored", len(said)) for said in [ignored] if said]
        return from_pixels(file, boxes, size, nc, single_cls, faults)

    def orphans(self, images: Sequence[str], files: Sequence[str], root: str) -> list[Fault]:
        """See LabelReader. Other JSON files may lie there, too."""
        found = orphan_files(images, files, ".json", root, lambda file: bool(labels_in(file)))
        return [fault for fault in found if labels_in(fault.file) is not None]


def label_file(image: Path) -> str:
    """Return where the labels of an image are, or would be."""
    beside = image.with_suffix(".json")
    if not exists(beside) and "images" in image.parts:
        place = len(image.parts) - 1 - image.parts[::-1].index("images")
        for name in FOLDERS:
            other = Path(*image.parts[:place], name, *beside.parts[place + 1 :])
            if exists(other):
                return str(other)
    return str(beside)


def parse(file: str) -> dict[str, Any]:
    """Return what a JSON file of labelme holds.

    Raises:
        UnreadableLabelsError: It cannot be read, is not JSON, or is something else than labelme's.
    """
    try:
        document = parse_json(read_regular(file, MAX_BYTES))
    except OSError as error:
        message = f"the label file cannot be read: {error.strerror}"
    except ValueError as error:
        message = f"not JSON that can be read: {' '.join(str(error).split())}"
    else:
        if isinstance(document, dict) and isinstance(document.get("shapes"), list):
            return document
        message = "not labelme JSON: it lacks the list 'shapes'"
    raise UnreadableLabelsError([Fault(file, None, message, "unreadable-labels")])


def labels_in(file: str) -> set[str] | None:
    """Return the names of the shapes that have a box in a file; None where it is not labelme's."""
    try:
        return {label for _, label, kind, _ in _shapes(parse(file)) if kind in BOXES + OUTLINES}
    except UnreadableLabelsError:
        return None


def _shapes(document: dict[str, Any]) -> Iterator[tuple[str, str, str, list[Any]]]:
    """Yield each shape: what to call it, its label, its kind, its points."""
    for index, shape in enumerate(document["shapes"]):
        entry = shape if isinstance(shape, dict) else {}
        label, kind, points = entry.get("label"), entry.get("shape_type"), entry.get("points")
        name = " ".join(label.split()) if isinstance(label, str) else ""
        # old files do not say what is a polygon
        yield f"shapes[{index}]", name, str(kind or "polygon"), points if isinstance(points, list) else []


def _box(kind: str, points: list[Any]) -> tuple[float, float, float, float] | None:
    """Return left, top, width and height of a shape in pixels; None where its points are not of its kind."""
    pairs = [tuple(map(_number, point)) for point in points if isinstance(point, list) and len(point) == 2]
    needed = {"rectangle": (2, 4), "mask": (2,), "circle": (2,)}.get(kind, range(3, max(4, len(pairs) + 1)))
    if len(pairs) != len(points) or len(pairs) not in needed or not all(math.isfinite(v) for p in pairs for v in p):
        return None
    if kind == "circle":  # its centre, and a point on it
        (x, y), (at_x, at_y) = pairs
        radius = math.hypot(at_x - x, at_y - y)
        return x - radius, y - radius, 2 * radius, 2 * radius
    across, down = zip(*pairs, strict=True)
    return min(across), min(down), max(across) - min(across), max(down) - min(down)


def _number(value: Any) -> float:
    try:
        return math.nan if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
