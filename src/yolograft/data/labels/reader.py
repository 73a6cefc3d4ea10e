"""What every reader of labels does: find the file that holds an image's labels, and read them."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from yolograft.common.files import read_regular
from yolograft.data.checks import Fault

#: How far ultralytics lets a coordinate lie outside 0 … 1 before it refuses the label file.
TOLERANCE = 0.01


#: Bytes of the largest label file of one image: some 200,000 boxes.
MAX_LABELS = 8 * 2**20


class UnreadableLabelsError(Exception):
    """Labels that cannot be trusted, so that their image must be left out.

    Attributes:
        faults: Why; at least one.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = list(faults)


@dataclass(frozen=True)
class Labels:
    """The labels of one image.

    Attributes:
        rows: Float32 [n, 5]: class, then centre x, centre y, width, height in fractions of the image.
        segments: Polygons, float32 [points, 2] each, in fractions; empty where the labels are boxes.
        faults: What is wrong with labels that are used all the same.
    """

    rows: np.ndarray
    segments: list[np.ndarray] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class LabelReader(ABC):
    """Finds and reads the labels of images. Called from several threads at once."""

    @abstractmethod
    def files(self, images: Sequence[str]) -> list[str]:
        """Return, for each image, the file that holds its labels; "" where there is none."""

    @abstractmethod
    def read(self, image: str, file: str, shape: tuple[int, int], nc: int, single_cls: bool) -> Labels:
        """Read the labels of one image.

        Args:
            image: The image.
            file: Where its labels are; "" or a file that does not exist means that nothing is labelled.
            shape: Height and width of the image, pixels.
            nc: Number of classes.
            single_cls: Class numbers do not matter.

        Raises:
            UnreadableLabelsError: The labels cannot be trusted.
        """

    def expected(self, images: Sequence[str]) -> list[str]:
        """Return, for each image, the file in which its labels are by the form of the data set, if it is there."""
        return self.files(images)

    def matched(self, images: Sequence[str], files: Sequence[str]) -> list[Fault]:
        """Return which label files are others than the expected ones, and how they were found."""
        found = []
        for image, file, expected in zip(images, files, self.expected(images), strict=True):
            if file != expected:
                moved = os.path.basename(file) == os.path.basename(expected)
                how = "in another folder" if moved else "by its name written otherwise"
                message = f"the labels of {os.path.basename(image)}, found {how}"
                found.append(Fault(file, None, message, "matched-labels"))
        return found

    def orphans(self, images: Sequence[str], files: Sequence[str], root: str) -> list[Fault]:
        """Return what is labelled though its image is not there, and what else is wrong with label files as a whole.

        Args:
            images: All images of the data set's splits.
            files: Their label files.
            root: The data set's folder.
        """
        return []


def label_bytes(file: str) -> bytes:
    """Return what the label file of one image holds.

    Raises:
        UnreadableLabelsError: It cannot be read, is no regular file, or is too large to be one image's.
    """
    try:
        return read_regular(file, MAX_LABELS)
    except (OSError, ValueError) as error:  # the latter: a null character in its name
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        fault = Fault(file, None, f"the label file cannot be read: {reason}", "unreadable-labels")
        raise UnreadableLabelsError([fault]) from None


@dataclass(frozen=True)
class PixelBox:
    """One labelled box as annotation formats give it.

    Attributes:
        cls: Class number, 0 … nc - 1.
        left: Left edge, pixels from the image's left edge.
        top: Top edge, pixels.
        width: Pixels.
        height: Pixels.
        where: What the format calls it, for messages, such as `annotation 17`.
        line: Its line in the file, counted from 1, where that is known.
    """

    cls: int
    left: float
    top: float
    width: float
    height: float
    where: str
    line: int | None = None


def from_pixels(
    file: str,
    boxes: Sequence[PixelBox],
    size: tuple[float, float],
    nc: int,
    single_cls: bool,
    faults: Sequence[Fault] = (),
    grave: Sequence[Fault] = (),
) -> Labels:
    """Turn boxes in pixels into rows, by the rules that ultralytics has for its own label files.

    Args:
        file: What faults are reported of.
        boxes: Of one image.
        size: Width and height of the image that was labelled, pixels.
        nc: Number of classes.
        single_cls: Take all classes for one.
        faults: What was found before.
        grave: What was found before that makes the labels useless; they are refused with all that is found now.

    Returns:
        The labels. A box without area is left out, one that reaches outside the image is kept, one that is written
        twice is used once.

    Raises:
        UnreadableLabelsError: A number that is not finite, a class out of range, a negative size, or a centre outside
            the image.
    """
    found, refused = list(faults), list(grave)
    rows: list[tuple[float, ...]] = []
    for box in boxes:
        values = (box.left, box.top, box.width, box.height)
        row = (
            float(box.cls),
            (box.left + box.width / 2) / size[0],
            (box.top + box.height / 2) / size[1],
            box.width / size[0],
            box.height / size[1],
        )

        def fault(message: str, kind: str, box: PixelBox = box) -> Fault:
            return Fault(file, box.line, f"{box.where}: {message}", kind)

        if not np.isfinite(values).all():
            refused.append(fault("a number of its box is not finite", "number"))
        elif not 0 <= box.cls < nc and not single_cls:
            refused.append(
                fault(f"class {box.cls} is out of range; the data set has classes 0 to {nc - 1}", "class-range")
            )
        elif box.width < 0 or box.height < 0:
            refused.append(fault(f"negative size ({box.width:g} x {box.height:g})", "negative"))
        elif not all(-TOLERANCE <= value <= 1 + TOLERANCE for value in row[1:3]):
            centre = f"({row[1] * size[0]:g}, {row[2] * size[1]:g})"
            refused.append(fault(f"its centre {centre} is outside the image of {size[0]:g} x {size[1]:g}", "outside"))
        elif box.width == 0 or box.height == 0:
            found.append(fault(f"a box without area ({box.width:g} x {box.height:g}); left out", "zero-area"))
        elif row in rows:
            found.append(fault("repeats a box before it; used once", "duplicate-row"))
        else:
            if reach := overhang(row):
                found.append(fault(reach, "overhang"))
            rows.append(row)
    if refused:
        raise UnreadableLabelsError([*refused, *found])
    return Labels(np.array(rows, np.float32).reshape(-1, 5), faults=found)


def overhang(row: Sequence[float]) -> str | None:
    """Return how far a box (class, centre x, centre y, width, height in fractions) reaches outside, if over 1 %."""
    for name, centre, size in (("x", row[1], row[3]), ("y", row[2], row[4])):
        low, high = centre - size / 2, centre + size / 2
        if low < -TOLERANCE or high > 1 + TOLERANCE:
            return f"the box reaches outside the image ({name} from {low:.3f} to {high:.3f}); kept"
    return None
