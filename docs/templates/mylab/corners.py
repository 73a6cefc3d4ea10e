"""A data set whose labels are `NAME.csv` beside `NAME.jpg`, a line `left,top,right,bottom,class` in pixels per object.

Copy this file, and dataset/corners.yaml, into the folder you work in.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.data.checks import Fault
from yolograft.data.labels.reader import (
    LabelReader,
    Labels,
    PixelBox,
    UnreadableLabelsError,
    from_pixels,
    label_bytes,
)
from yolograft.data.spec import DataSpec


@dataclass(frozen=True)
class CornerLabels(LabelReader):
    """Finds and reads the CSV file of an image.

    Attributes:
        names: Class names in the order of their numbers.
    """

    names: tuple[str, ...]

    def files(self, images: Sequence[str]) -> list[str]:
        """Return the label file of each image."""
        return [str(Path(image).with_suffix(".csv")) for image in images]

    def read(self, image: str, file: str, shape: tuple[int, int], nc: int, single_cls: bool) -> Labels:
        """Return the labels of one image; an image without a file is background."""
        if not Path(file).is_file():
            return from_pixels(file, [], (shape[1], shape[0]), nc, single_cls)
        boxes, faults = [], []
        for line, row in enumerate(csv.reader(label_bytes(file).decode("utf-8").splitlines()), start=1):
            try:
                left, top, right, bottom = map(float, row[:4])
                number = self.names.index(row[4])
            except (ValueError, IndexError):
                faults.append(Fault(file, line, "not left,top,right,bottom,class", "columns"))
                continue
            boxes.append(PixelBox(number, left, top, right - left, bottom - top, row[4], line))
        if faults:
            raise UnreadableLabelsError(faults)
        return from_pixels(file, boxes, (shape[1], shape[0]), nc, single_cls)


def corners(*, path: str, names: list[str]) -> DataSpec:
    """Read the data set in a folder with the folders `train` and `val`.

    Args:
        path: The folder.
        names: Class names in the order of their numbers.

    Raises:
        UserError: A folder is missing.
    """
    root = Path(path).absolute()
    for split in ("train", "val"):
        if not (root / split).is_dir():
            raise UserError(f"{root}: no folder {split}")
    return DataSpec(
        name=root.name,
        train=(str(root / "train"),),
        val=(str(root / "val"),),
        test=(),
        names=dict(enumerate(names)),
        root=str(root),
        labels=CornerLabels(tuple(names)),
        form="corners",
        source=str(root),
    )
