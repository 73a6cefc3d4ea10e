"""Labels in Pascal VOC's XML: one file per image, corners in pixels."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree  # type: ignore[import-untyped]

from yolograft.common.text import plain
from yolograft.data.checks import Fault
from yolograft.data.labels.orphans import orphan_files
from yolograft.data.labels.pairing import pair
from yolograft.data.labels.reader import (
    LabelReader,
    Labels,
    PixelBox,
    UnreadableLabelsError,
    from_pixels,
    label_bytes,
)
from yolograft.data.labels.size import labelled_size
from yolograft.data.places import exists, files_below, is_file, is_image

_FROM_0 = "dataset=voc_xml dataset.one_based=false"


@dataclass(frozen=True)
class VocLabels(LabelReader):
    """XML files of objects with a name and the corners of a box.

    Attributes:
        folders: Pairs of a folder of images and the folder of their XML files, which may be the same.
        names: Class names by number.
        difficult: Use objects that are marked as difficult.
        one_based: The first pixel has the number 1 and corners are inside the box, as in Pascal VOC itself: the box is
            xmax - xmin + 1 pixels wide. Else corners are where the box's edges lie, counted from 0. So they are in any
            case in a file that has corners with fractions: those cannot be numbers of pixels.
    """

    folders: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    difficult: bool = False
    one_based: bool = True

    def files(self, images: Sequence[str]) -> list[str]:
        """See LabelReader."""
        return pair(images, self.expected(images), self._elsewhere, ".xml", claimed=self._claimed)

    def expected(self, images: Sequence[str]) -> list[str]:
        """See LabelReader."""
        return [self._file(Path(image)) for image in images]

    def _elsewhere(self, folder: str) -> list[str]:
        """Return where else the XML files of a folder of images may lie."""
        found = [str(Path(xml)) for images, xml in self.folders if Path(folder).is_relative_to(images)]
        return [*found, folder]

    def _claimed(self) -> set[str]:
        """Return the names of all images, without suffix: a folder of XML files may serve several of images."""
        return {Path(n).stem for folder, _ in self.folders for n in files_below(folder) if is_image(n)}

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
        faults: list[Fault] = []
        grave: list[Fault] = []
        edges: list[tuple[str, int | None, tuple[float, float, float, float]]] = []
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
                    edges.append((name, line, corners(file, found)))
                except UnreadableLabelsError as error:
                    grave += error.faults
        first = self._first_pixel(file, edges, faults)
        for name, line, (left, top, right, bottom) in edges:
            left, top = left - first, top - first
            boxes.append(PixelBox(number[name], left, top, right - left, bottom - top, name, line))
        if ignored:
            faults.append(Fault(file, ignored[0], "marked as difficult; left out", "ignored", len(ignored)))
        return from_pixels(file, boxes, size, nc, single_cls, faults, grave)

    def _first_pixel(
        self, file: str, edges: Sequence[tuple[str, int | None, tuple[float, ...]]], faults: list[Fault]
    ) -> int:
        """Return the number of the first pixel, and note where corners contradict what was said."""
        if not self.one_based:
            return 0
        broken = [line for _, line, values in edges if any(math.isfinite(value) and value % 1 for value in values)]
        if broken:
            message = f"corners with fractions; files of whole ones count from 1 unless {_FROM_0}"
            faults.append(Fault(file, broken[0], message, "fractions", len(broken)))
            return 0
        if low := [line for _, line, values in edges if min(values[:2]) <= 0]:
            message = f"a corner is 0, so it is hardly counted from 1; {_FROM_0} reads corners from 0"
            faults.append(Fault(file, low[0], message, "corner-at-0", len(low)))
        return 1

    def orphans(self, images: Sequence[str], files: Sequence[str], root: str) -> list[Fault]:
        """See LabelReader. An image that no list of a split names is there all the same."""

        def labels_something(file: str) -> bool:
            return any(True for _ in objects(file))

        return orphan_files(images, files, ".xml", root, labels_something, claimed=self._claimed())


def parse(file: str) -> etree._Element:
    """Return the root of an XML file of labels. Nothing but this file is read, and no entity is expanded.

    Raises:
        UnreadableLabelsError: It cannot be read, is not XML, or is something else than an annotation.
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
        UnreadableLabelsError: One of them is missing or not a number.
    """
    values = []
    for name in ("xmin", "ymin", "xmax", "ymax"):
        element = found.find(f"bndbox/{name}")
        text = " ".join((element.text or "").split()) if element is not None else ""
        if not text:
            message, kind = f"an object {_instead(found)} {name} in its bndbox", "columns"
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


def _instead(found: etree._Element) -> str:
    """Name the shape that an object has instead of a box, if it has one."""
    shapes = [str(shape) for shape in ("robndbox", "polygon", "segmentation") if found.find(shape) is not None]
    return f"of another task ({shapes[0]}), without" if shapes and found.find("bndbox") is None else "without"


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
