"""Any data set in Pascal VOC's XML: as VOC itself lies on disk, as labelling tools leave it, as Roboflow exports it."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from yolograft.data.converted import Arrays, Converted
from yolograft.data.labels.voc import VocLabels, object_name, objects
from yolograft.data.listing import MAX_IMAGES
from yolograft.data.places import (
    exists,
    files_below,
    folder_of,
    folders_in,
    given_folder,
    is_folder,
    is_image,
    lines_of,
)
from yolograft.data.sources.class_names import find_names, read_names
from yolograft.data.spec import DataSpec
from yolograft.errors import UserError

_IMAGES = ("jpegimages", "images", "imgs")
_ANNOTATIONS = ("annotations", "xmls", "annots", "labels")
_SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


@dataclass
class Layout:
    """Where the parts of a data set lie.

    Attributes:
        splits: folders of images, or images, of each split.
        folders: pairs of a folder of images and the folder of their XML files.
    """

    splits: dict[str, list[str]] = field(default_factory=lambda: {split: [] for split in _SPLITS})
    folders: list[tuple[str, str]] = field(default_factory=list)


def voc(*, path: str, names: list[str] | None = None, difficult: bool = False, one_based: bool = True) -> DataSpec:
    """Read a data set whose labels are Pascal VOC's XML files.

    Args:
        path: the folder that holds it, by itself or in folders such as VOC2007.
        names: the classes in the order of their numbers. If not given, they are read from a classes.txt in the folder;
            without one, they are all names that occur, in alphabetical order.
        difficult: use the objects that are marked as difficult, too.
        one_based: corners are counted from 1 and belong to the box, as VOC has them and as detectron2 reads them: left
            is xmin - 1, width is xmax - xmin + 1. False: from 0, and width is xmax - xmin, as some tools write. A file
            that has corners with fractions is read so in any case.

    Returns:
        The data set. Where it has lists (ImageSets/Main), train.txt and val.txt are used; without them, trainval.txt.

    Raises:
        UserError: the folder holds no XML files and images, or no class is named.
    """
    root = given_folder(path, "dataset=voc_xml dataset.path=FOLDER")
    layout = find_layout(root)
    if layout is None or not layout.splits["train"]:
        raise UserError(
            f"{root}: no images with Pascal VOC XML to train on; looked for Annotations and JPEGImages, for images and "
            "annotations, and for XML files beside the images, also in train, val and test"
        )
    classes = names if names is not None else _names(root, layout)
    if not classes or len(set(classes)) < len(classes):
        raise UserError(f"dataset.names must name each class once, not {classes}")
    return DataSpec(
        name=root.name,
        train=tuple(layout.splits["train"]),
        val=tuple(layout.splits["val"]),
        test=tuple(layout.splits["test"]),
        names=dict(enumerate(classes)),
        root=str(root),
        labels=VocLabels(tuple(layout.folders), tuple(classes), difficult, one_based),
    )


def recognise(root: Path) -> str | None:
    """Return what shows that a folder holds Pascal VOC XML, or None."""
    layout = find_layout(root)
    return next((str(file.relative_to(root)) for file in map(Path, _xml_files(layout))), None) if layout else None


def find_layout(root: Path) -> Layout | None:
    """Return where the images and XML files of a data set lie, or None where there are none."""
    layout = Layout()
    kits = [root, *folders_in(root), *(inside for folder in folders_in(root) for inside in folders_in(folder))]
    kits = list({kit.resolve(): kit for kit in reversed(kits)}.values())[::-1]  # each once, whatever links lead to it
    for kit in kits:
        images, annotations = kit / "JPEGImages", kit / "Annotations"
        if is_folder(images) and is_folder(annotations):
            layout.folders.append((str(images), str(annotations)))
            for split, found in _listed(kit, images).items():
                layout.splits[split] += found
    if not layout.folders:
        _sorted_into_folders(root, layout)
    return layout if any(True for _ in _xml_files(layout)) else None


def _listed(kit: Path, images: Path) -> dict[str, list[str]]:
    """Return the images of the splits that VOC's own lists make; all images are one pool where there are none."""
    lists = {name: kit / "ImageSets" / "Main" / f"{name}.txt" for name in ("train", "val", "trainval", "test")}
    there = {name: file for name, file in lists.items() if exists(file)}
    if "train" not in there and "val" not in there and "trainval" in there:
        there["train"] = there["trainval"]
    if not there:
        return {"train": [str(images)]}
    by_stem = {Path(name).stem: path for name, path in files_below(images).items() if is_image(name)}
    return {
        split: [by_stem.get(stem, str(images / f"{stem}.jpg")) for stem in read_list(file)]
        for split, file in there.items()
        if split in _SPLITS
    }


def read_list(file: Path) -> list[str]:
    """Return the names in a list of images, without the suffixes that some have.

    Raises:
        UserError: the list cannot be read.
    """
    lines = filter(None, map(str.strip, lines_of(file, "a list of images", MAX_IMAGES)))
    return [str(Path(line).with_suffix("")) if is_image(line) else line for line in lines]


def _sorted_into_folders(root: Path, layout: Layout) -> None:
    """Find images/ and annotations/ with or without splits in them, split folders, or XML files beside the images."""
    images, annotations = folder_of(root, *_IMAGES), folder_of(root, *_ANNOTATIONS)
    if images and annotations:
        layout.folders.append((str(images), str(annotations)))
        root = images
    splits = {split: folder for split, names in _SPLITS.items() if (folder := folder_of(root, *names))}
    for split, folder in splits.items() if "train" in splits else [("train", root)]:
        inside = folder_of(folder, *_IMAGES)
        layout.splits[split] = [str(inside or folder)]
        if not (images and annotations):
            layout.folders.append((str(inside or folder), str(folder_of(folder, *_ANNOTATIONS) or folder)))


def _xml_files(layout: Layout) -> list[str]:
    folders = dict.fromkeys(annotations for _, annotations in layout.folders)
    return [path for folder in folders for name, path in files_below(folder).items() if name.lower().endswith(".xml")]


def _names(root: Path, layout: Layout) -> list[str]:
    """Return the class names of a list in the folder, or all that occur in the XML files."""
    if file := find_names([root]):
        return list(read_names(file).values())
    files = _xml_files(layout)
    found = Converted("voc", files, lambda: _survey(files))
    names = [str(name) for name in found["names"]]
    if not names:
        raise UserError(f"{root}: no object is named in {len(files)} XML files")
    return names


def _survey(files: list[str]) -> Arrays:
    """Go through all XML files: which class names there are."""
    names = {object_name(found) for file in files for found in objects(file)}
    return {"names": np.array(sorted(names - {""}), np.str_)}
