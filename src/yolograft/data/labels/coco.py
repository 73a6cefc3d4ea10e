"""Labels in COCO JSON: one file for all images of a split."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PureWindowsPath

from yolograft.data.checks import Fault, bounded
from yolograft.data.labels.coco_file import CocoFile, coco_file
from yolograft.data.labels.reader import LabelReader, Labels, PixelBox, UnreadableLabelsError, from_pixels
from yolograft.data.labels.size import labelled_size
from yolograft.data.places import files_below, is_file, is_image


@dataclass(frozen=True)
class CocoLabels(LabelReader):
    """Boxes of COCO JSON files; segmentations and masks are not looked at.

    Attributes:
        documents: Each JSON file and the folder that its images lie in.
        categories: Category id of each class, 0 … nc - 1.
    """

    documents: tuple[tuple[str, str], ...]
    categories: tuple[int, ...]

    def files(self, images: Sequence[str]) -> list[str]:
        """See LabelReader: the JSON file that lists the image."""
        listing = {image: file for file, folder in reversed(self.documents) for image in placed(file, folder)}
        return [listing.get(image, "") for image in images]

    def read(self, image: str, file: str, shape: tuple[int, int], nc: int, single_cls: bool) -> Labels:
        """See LabelReader."""
        if not file:
            return from_pixels(file, [], (1, 1), nc, single_cls)
        document = coco_file(file)
        entries = placed(file, dict(self.documents)[file])[image]  # several where the file lists an image twice
        grave = [fault for entry in entries for fault in document.faults(entry)]
        number = {category: cls for cls, category in enumerate(self.categories)}
        boxes, crowds = [], []
        try:
            size = labelled_size(file, document.names[entries[0]], document.size(entries[0]), shape)
        except UnreadableLabelsError as error:
            raise UnreadableLabelsError([*grave, *error.faults]) from None
        for entry in entries:
            for where, category, crowd, corners in document.boxes(entry):
                if crowd:
                    crowds.append(where)
                else:
                    boxes.append(PixelBox(number[category], *corners, where))
        faults = []
        if crowds:
            faults.append(Fault(file, None, f"{crowds[0]}: marked as a crowd; left out", "ignored", len(crowds)))
        try:
            return from_pixels(file, boxes, size, nc, single_cls, faults, grave)
        except UnreadableLabelsError as error:
            raise UnreadableLabelsError(bounded(error.faults)) from None

    def orphans(self, images: Sequence[str], files: Sequence[str], root: str) -> list[Fault]:
        """See LabelReader: annotations of unknown images, and entries that name no image."""
        found: list[Fault] = []
        bare = self._bare(images, files)
        for file, _ in self.documents:
            document = coco_file(file)
            found += [_as_orphan(fault, bare) if bare else fault for fault in document.faults()]
            others = [name for name in document.names if not is_image(name)]
            found += [
                Fault(file, None, f"{name}: not a kind of image that is read", "unreadable-image") for name in others
            ]
        return found

    def _bare(self, images: Sequence[str], files: Sequence[str]) -> list[str]:
        """Return the images for which there is no annotation at all, though nothing is wrong with their entries."""
        found = {file: (coco_file(file), placed(file, folder)) for file, folder in self.documents}
        bare = []
        for image, file in zip(images, files, strict=True):
            if file:
                document, entries = found[file]
                if all(document.is_bare(entry) for entry in entries[image]) and is_file(image):
                    bare.append(image)
        return bare


def _as_orphan(fault: Fault, bare: Sequence[str]) -> Fault:
    """Say that an annotation of an unknown image may be that of an image without annotations."""
    if fault.kind != "label-without-image":
        return fault
    others = f" (and {len(bare) - 1} other images)" if len(bare) > 1 else ""
    message = f"{fault.message}, while {Path(bare[0]).name}{others} has no annotation"
    return replace(fault, message=message, kind="orphan-labels")


def placed(file: str, folder: str) -> dict[str, list[int]]:
    """Return where the images of a JSON file lie, and their places in the file.

    Args:
        file: The JSON file.
        folder: Where its images are looked for, with all below it. One that is not there gets the path that it should
            have.
    """
    return _placed(coco_file(file), folder)


@lru_cache(maxsize=4)
def _placed(document: CocoFile, folder: str) -> dict[str, list[int]]:
    below = files_below(folder)
    found: dict[str, list[int]] = {}
    for index, name in enumerate(document.names):
        found.setdefault(find_image(name, below) or _expected(name, folder), []).append(index)
    return found


def find_image(name: str, below: dict[str, str]) -> str | None:
    """Return the file that a `file_name` means, or None.

    Args:
        name: As tools write it: with folders, with backslashes, or the absolute path on another machine; its last parts
            decide, as many as are found.
        below: The files to choose from, by relative path.
    """
    if name in below:
        return below[name]
    path = PureWindowsPath(name)  # takes both kinds of slashes
    if path.anchor and is_file(name):
        return str(Path(name).absolute())
    parts = path.parts
    return next((found for start in range(len(parts)) if (found := below.get("/".join(parts[start:])))), None)


def _expected(name: str, folder: str) -> str:
    path = PureWindowsPath(name)
    return str(Path(folder, path.name) if path.anchor else Path(folder, *path.parts))
