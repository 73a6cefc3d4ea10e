"""Any data set in Pascal VOC's XML: as VOC itself lies on disk, as labelling tools leave it, as Roboflow exports it."""

from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from yolograft.common.errors import UserError
from yolograft.data.converted import Arrays, Converted, array_to_words, words_to_array
from yolograft.data.labels.voc import VocLabels, object_name, objects
from yolograft.data.listing import MAX_IMAGES
from yolograft.data.places import (
    entries,
    files_below,
    folder_of,
    folders_in,
    given_folder,
    is_image,
    lines_of,
)
from yolograft.data.sources.class_names import find_names, read_names
from yolograft.data.sources.layout import ANNOTATIONS, IMAGES, settle, split_folders
from yolograft.data.spec import DataSpec
from yolograft.data.split_names import SPLITS


@dataclass
class Layout:
    """Where the parts of a data set lie.

    Attributes:
        splits: Folders of images, or images, of each split.
        folders: Pairs of a folder of images and the folder of their XML files.
    """

    splits: dict[str, list[str]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    folders: list[tuple[str, str]] = field(default_factory=list)


def voc(*, path: str, names: list[str] | None = None, difficult: bool = False, one_based: bool = True) -> DataSpec:
    """Read a data set whose labels are Pascal VOC's XML files.

    Args:
        path: The folder that holds it, by itself or in folders such as VOC2007.
        names: The classes in the order of their numbers. If not given, they are read from a classes.txt in the folder;
            without one, they are all names that occur, in alphabetical order.
        difficult: Use the objects that are marked as difficult, too.
        one_based: Corners are counted from 1 and belong to the box, as VOC has them and as detectron2 reads them: left
            is xmin - 1, width is xmax - xmin + 1. False: from 0, and width is xmax - xmin, as some tools write. A file
            that has corners with fractions is read so in any case.

    Returns:
        The data set. Where it has lists (ImageSets/Main), train.txt and val.txt are used; without them, trainval.txt.

    Raises:
        UserError: The folder holds no XML files and images, or no class is named.
    """
    root = given_folder(path, "dataset=voc_xml dataset.path=FOLDER")
    return settle(
        root, lambda place: read(place, names, difficult, one_based), lambda place: find_layout(place) is not None
    )


def read(root: Path, names: list[str] | None = None, difficult: bool = False, one_based: bool = True) -> DataSpec:
    """Read the data set in a folder; see `voc`."""
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
        form="voc",
        source=str(root),
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
        images, annotations = folder_of(kit, "jpegimages"), folder_of(kit, "annotations")
        if images and annotations:
            layout.folders.append((str(images), str(annotations)))
            for split, found in (_listed(kit, images) or {"train": [str(images)]}).items():
                layout.splits[split] += found
    if not layout.folders:
        _sorted_into_folders(root, layout)
    return layout if any(True for _ in _xml_files(layout)) else None


def _listed(kit: Path, images: Path) -> dict[str, list[str]]:
    """Return the images of the splits that lists make, VOC's own in ImageSets/Main or some beside the folders."""
    sets = folder_of(kit, "imagesets")
    for place in (folder_of(sets, "main") if sets else None, sets, kit):
        files = {file.stem.lower(): file for file in entries(place) if file.suffix == ".txt"} if place else {}
        there = {split: files[word] for split, words in SPLITS.items() for word in words[::-1] if word in files}
        if "train" not in there and "val" not in there and "trainval" in files:
            there["train"] = files["trainval"]
        if there and (place != kit or "train" in there):
            return {split: _images_of(read_list(file), images) for split, file in there.items()}
    return {}


def _images_of(lines: list[str], images: Path) -> list[str]:
    """Return the images that the lines of a list mean: paths below the folder of images, or only names."""
    by_path: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for name, file in files_below(images).items():
        if is_image(name):
            by_path[str(Path(name).with_suffix(""))] = file
            by_name.setdefault(Path(name).stem, file)
    return [
        by_path.get(line) or by_name.get(PureWindowsPath(line).name) or str(images / f"{line}.jpg") for line in lines
    ]


def read_list(file: Path) -> list[str]:
    """Return the names in a list of images, without the suffixes that some have.

    Raises:
        UserError: The list cannot be read.
    """
    lines = [_first_of_pair(line) for line in map(str.strip, lines_of(file, "a list of images", MAX_IMAGES)) if line]
    return [str(Path(line).with_suffix("")) if is_image(line) else line for line in lines]


def _first_of_pair(line: str) -> str:
    """Return the image of a line that names its XML file, too."""
    image, _, xml = line.partition(" ")
    return image if is_image(image) and xml.lower().endswith(".xml") else line


def _sorted_into_folders(root: Path, layout: Layout) -> None:
    """Find images/ and annotations/ with or without splits in them, split folders, or XML files beside the images."""
    images, annotations = folder_of(root, *IMAGES), folder_of(root, *ANNOTATIONS)
    if images and annotations:
        layout.folders.append((str(images), str(annotations)))
        if listed := _listed(root, images):
            layout.splits |= listed
            return
        root = images
    splits = split_folders(root)
    for split, folders in splits.items() if "train" in splits else [("train", [root])]:
        for folder in folders:
            layout.splits[split].append(str(folder))
            if not (images and annotations):
                top = folder.parent if folder.name.lower() in IMAGES and folder != root else folder
                layout.folders.append((str(folder), str(folder_of(top, *ANNOTATIONS) or top)))


def _xml_files(layout: Layout) -> list[str]:
    folders = dict.fromkeys(annotations for _, annotations in layout.folders)
    return [path for folder in folders for name, path in files_below(folder).items() if name.lower().endswith(".xml")]


def _names(root: Path, layout: Layout) -> list[str]:
    """Return the class names of a list in the folder, or all that occur in the XML files."""
    if file := find_names([root]):
        return list(read_names(file).values())
    files = _xml_files(layout)
    found = Converted("voc", files, lambda: _read_classes(files))
    names = array_to_words(found["names"])
    if not names:
        raise UserError(f"{root}: no object is named in {len(files)} XML files")
    return names


def _read_classes(files: list[str]) -> Arrays:
    """Go through all XML files: which class names there are."""
    names = {object_name(found) for file in files for found in objects(file)}
    return {"names": words_to_array(sorted(names - {""}))}
