"""Labels of the WiderPerson data set: a count, then `class x1 y1 x2 y2` in pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolograft.data.checks import Fault
from yolograft.data.labels.reader import (
    LabelReader,
    Labels,
    PixelBox,
    UnreadableLabelsError,
    from_pixels,
    label_bytes,
)

#: What is detected, numbered from 1 in the files.
CLASSES = ("pedestrians", "riders", "partially-visible persons")

#: Regions, not persons: pictures of people, mannequins, and crowds too dense to separate persons.
REGIONS = {4: "ignore regions", 5: "crowd"}


@dataclass(frozen=True)
class WiderPersonLabels(LabelReader):
    """Text files in a folder of their own.

    Attributes:
        folder: The folder `Annotations`; it holds `NAME.jpg.txt`.
    """

    folder: str

    def files(self, images: Sequence[str]) -> list[str]:
        """See LabelReader."""
        return [str(Path(self.folder, f"{Path(image).name}.txt")) for image in images]

    def read(self, image: str, file: str, shape: tuple[int, int], nc: int, single_cls: bool) -> Labels:
        """See LabelReader. An image without a file is not a background: every image of the data set has one."""
        try:
            lines = label_bytes(file).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            place = error.object.count(b"\n", 0, error.start) + 1
            fault = Fault(file, place, f"byte 0x{error.object[error.start]:02x} is not UTF-8 text", "encoding")
            raise UnreadableLabelsError([fault]) from None
        rows = [(number, line.split()) for number, line in enumerate(lines, start=1) if line.strip()]
        if not rows or len(rows[0][1]) != 1 or rows[0][1][0] != str(len(rows) - 1):
            message = f"the first line must be the number of rows below it, {max(0, len(rows) - 1)}"
            raise UnreadableLabelsError([Fault(file, rows[0][0] if rows else None, message, "columns")])
        boxes: list[PixelBox] = []
        regions: list[int] = []
        grave: list[Fault] = []
        for number, columns in rows[1:]:
            try:
                cls, left, top, right, bottom = _numbers(file, number, columns)
            except UnreadableLabelsError as error:
                grave += error.faults
                continue
            if cls in REGIONS:
                regions.append(number)
            elif cls not in range(1, len(CLASSES) + 1):
                message = f"class {columns[0][:40]} is none of 1 to {len(CLASSES) + len(REGIONS)}"
                grave.append(Fault(file, number, message, "class-range"))
            else:
                where = CLASSES[int(cls) - 1]
                boxes.append(PixelBox(int(cls) - 1, left, top, right - left, bottom - top, where, number))
        faults = []
        if regions:
            faults.append(Fault(file, regions[0], "a region to be ignored; left out", "ignored", len(regions)))
        return from_pixels(file, boxes, (shape[1], shape[0]), nc, single_cls, faults, grave)


def _numbers(file: str, line: int, columns: Sequence[str]) -> tuple[float, float, float, float, float]:
    if len(columns) != 5:
        message = f"{len(columns)} columns instead of 5 (class x1 y1 x2 y2)"
        raise UnreadableLabelsError([Fault(file, line, message, "columns")])
    try:
        cls, left, top, right, bottom = map(float, columns)
    except ValueError:
        message = f"{' '.join(columns)[:40]!r} holds something else than numbers"
        raise UnreadableLabelsError([Fault(file, line, message, "number")]) from None
    return cls, left, top, right, bottom
