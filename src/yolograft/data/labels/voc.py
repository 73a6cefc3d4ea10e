"""Labels in Pascal VOC's XML: one file per image, corners in pixels."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree  # type: ignore[import-untyped]

from yolograft.data.checks import Fault
from yolograft.data.labels.reader import (
    LabelReader,
    Labels,
    PixelBox,
    UnreadableLabelsError,
    from_pixels,
    label_bytes,
    stray_files,
)
from yolograft.data.labels.size import labelled_size
from yolograft.data.places import exists, files_below, is_file
from yolograft.text import plain


@dataclass(frozen=True)
class VocLabels(LabelReader):
    """XML files of objects with a name and the corners of a box.

    Attributes:
        folders: pairs of a folder of images and the folder of their XML files, which may be the same.
        names: class names by number.
        difficult: use objects that are marked as difficult.
        one_based: the first pixel has the number 1 and corners are inside the box, as in Pascal VOC itself: the box is
            xmax - xmin + 1 pixels wide. Else corners are where the box's edges lie, counted from 0.
    """

    folders: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    difficult: bool = False
    one_based: bool = True

    def files(self, images: Sequence[str]) -> list[str]:
        """See LabelReader."""
        return [self._file(Path(image)) for image in images]

    def _file(self, image: Path) -> str:
        for images, annotations in self.folders:
            if image.is_relative_to(images):
                below = Path(annotations, image.relative_to(images).with_suffix(".xml"))
                beside = Path(annotations, f"{image.stem}.xml")  # where only the images are sorted into folders
                return str(beside if is_file(beside) and not is_file(below) else below)
        return str(image.with_suffix(".xml"))

    def read(self, image: str, file: str, shape: tuple[int, int], nc: int, single_cls: bool) -> Labels:
        """See LabelReader."""
        if not exists(file):
            return from_pixels(file, [], (1, 1), nc, single_cls)
        root = parse(file)
        size = labelled_size(file, "the image", _stated_size(root), shape, _line(root.find("size")))
        number = {name: cls for cls, name in enumerate(self.names)}
        boxes: list[PixelBox] = []
        ignored: list[int | None] = []
        grave: list[Fault] = []
        for found in root.iterfind("object"):
            name, line = object_name(found), _line(found)
            if _is_true(found.findtext("difficult")) and not self.difficult:
                ignored.append(line)
            elif name not in number:
                known = ", ".join(self.names[:10]) + (", …" if len(self.names) > 10 else "")
                grave.append(
                    Fault(file, line, f"there is no class {name[:60]!r}; the classes are {known}", "class-range")
                )
            else:
                try:
                    boxes.append(PixelBox(number[name], *self._box(file, found), name, line))
                except UnreadableLabelsError as error:
                    grave += error.faults
        if grave:
            raise UnreadableLabelsError(grave)
        faults = [Fault(file, ignored[0], "marked as difficult; left out", "ignored", len(ignored))] if ignored else []
        return from_pixels(file, boxes, size, nc, single_cls, faults)

    def _box(self, file: str, found: etree._Element) -> tuple[float, float, float, float]:
        """Return left, top, width and height in pixels."""
        left, top, right, bottom = corners(file, found)
        if self.one_based:
            left, top = left - 1, top - 1
        return left, top, right - left, bottom - top

    def stray(self, images: Sequence[str], files: Sequence[str]) -> list[Fault]:
        """See LabelReader. An image that no list of a split names is there all the same."""
        there = {
            Path(name).stem for folder, _ in self.folders for name in files_below(folder) if not name.endswith(".xml")
        }
        return [fault for fault in stray_files(images, files, ".xml") if Path(fault.file).stem not in there]


def parse(file: str) -> etree._Element:
    """Return the root of an XML file of labels. Nothing but this file is read, and no entity is expanded.

    Raises:
        UnreadableLabelsError: it cannot be read, is not XML, or is something else than an annotation.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(label_bytes(file), parser)
    except etree.XMLSyntaxError as error:
        reason = plain(" ".join(str(error.msg or "damaged").partition(", line ")[0].split()))[:200]
        raise UnreadableLabelsError([Fault(file, error.lineno, f"not XML: {reason}", "unreadable-labels")]) from None
    except (ValueError, LookupError) as error:
        fault = Fault(file, None, f"the label file cannot be read: {error}", "unreadable-labels")
        raise UnreadableLabelsError([fault]) from None
    if root.tag != "annotation":
        message = f"not a Pascal VOC annotation: the outermost element is {str(root.tag)[:60]}"
        raise UnreadableLabelsError([Fault(file, _line(root), message, "unreadable-labels")])
    return root


def object_name(found: etree._Element) -> str:
    """Return the class name of an object; empty where it has none."""
    return " ".join((found.findtext("name") or "").split())


def corners(file: str, found: etree._Element) -> tuple[float, float, float, float]:
    """Return xmin, ymin, xmax and ymax of an object, as written.

    Raises:
        UnreadableLabelsError: one of them is missing or not a number.
    """
    values = []
    for name in ("xmin", "ymin", "xmax", "ymax"):
        element = found.find(f"bndbox/{name}")
        text = " ".join((element.text or "").split()) if element is not None else ""
        if not text:
            message, kind = f"an object without {name} in its bndbox", "columns"
        elif not math.isnan(value := _number(text)):
            values.append(value)
            continue
        elif not math.isnan(_number(text.replace(",", ".", 1))):
            message, kind = f"{name} {text[:40]!r} is not a number; write decimals with a point", "comma"
        else:
            message, kind = f"{name} {text[:40]!r} is not a number", "number"
        place = found if element is None else element
        raise UnreadableLabelsError([Fault(file, _line(place), message, kind)])
    left, top, right, bottom = values
    return left, top, right, bottom


def objects(file: str) -> Iterator[etree._Element]:
    """Yield the objects of a label file; none where it cannot be read, which reading it for its image will report."""
    try:
        yield from parse(file).iterfind("object")
    except UnreadableLabelsError:
        return


def _stated_size(root: etree._Element) -> tuple[float, float]:
    """Return width and height that the file states; nan where it does not."""
    width, height = (_number(root.findtext(f"size/{name}") or "") for name in ("width", "height"))
    return width, height


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in ("1", "true", "yes")


def _line(element: etree._Element | None) -> int | None:
    return None if element is None else element.sourceline
