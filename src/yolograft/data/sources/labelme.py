"""A folder that was labelled with labelme: a JSON file for each image."""

from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.common.files import open_regular
from yolograft.data.converted import Arrays, Converted, array_to_words, words_to_array
from yolograft.data.labels.labelme import LabelmeLabels, labels_in
from yolograft.data.places import entries, files_below, folder_of, given_folder, is_image
from yolograft.data.sources.class_names import find_names, read_names
from yolograft.data.sources.layout import IMAGES, settle, split_folders
from yolograft.data.spec import DataSpec

#: What labelme's own lists of classes begin with, and what is no class.
_NO_CLASSES = ("__ignore__", "_background_")


def labelme(*, path: str, names: list[str] | None = None) -> DataSpec:
    """Read a data set whose labels are labelme's JSON files, beside the images or in a folder beside `images`.

    Rectangles are boxes, polygons and circles become the boxes around them; lines and points are left out.

    Args:
        path: The folder. Where it has the folders train and val (and test), they are the splits, also in `images`.
        names: The classes in the order of their numbers. If not given, they are read from a classes.txt or labels.txt
            in the folder; without one, they are all that occur, in alphabetical order.

    Returns:
        The data set, without a val split where the layout has none.

    Raises:
        UserError: The folder is missing, holds no images, or no class is named.
    """
    return settle(given_folder(path, "dataset=labelme dataset.path=FOLDER"), lambda root: read(root, names), holds)


def read(root: Path, names: list[str] | None = None) -> DataSpec:
    """Read the data set in a folder; see `labelme`."""
    images = folder_of(root, *IMAGES) or root
    found = next((found for base in (images, root) if "train" in (found := split_folders(base))), {"train": [images]})
    if not any(is_image(name) for folder in found["train"] for name in files_below(folder)):
        raise UserError(f"{found['train'][0]}: no images to train on")
    classes = names if names is not None else _names(root)
    if not classes or len(set(classes)) < len(classes):
        raise UserError(f"dataset.names must name each class once, not {classes}")
    return DataSpec(
        name=root.name,
        train=tuple(map(str, found.get("train", ()))),
        val=tuple(map(str, found.get("val", ()))),
        test=tuple(map(str, found.get("test", ()))),
        names=dict(enumerate(classes)),
        root=str(root),
        labels=LabelmeLabels(tuple(classes)),
        form="labelme",
        source=str(root),
    )


def holds(root: Path) -> bool:
    """Tell whether a data set lies in this very folder, not in one below it."""
    here = any(is_image(entry.name) for entry in entries(root)) or folder_of(root, *IMAGES) or split_folders(root)
    return bool(here) and recognise(root) is not None


def recognise(root: Path) -> str | None:
    """Return a file that shows that a folder was labelled with labelme, or None: a JSON beside an image of its name."""
    files = files_below(root)
    pictures = {Path(name).stem for name in files if is_image(name)}
    jsons = [(name, file) for name, file in files.items() if name.lower().endswith(".json")]
    return next((name for name, file in jsons if Path(name).stem in pictures and _looks_like_labelme(file)), None)


def _looks_like_labelme(file: str) -> bool:
    """Tell by a file's beginning and end: between them may lie the whole image, in letters."""
    try:
        with open_regular(file) as stream:
            start = stream.read(65536)
            stream.seek(max(0, stream.seek(0, 2) - 65536))
            return b'"shapes"' in start or b'"shapes"' in stream.read(65536)
    except OSError:
        return False


def _names(root: Path) -> list[str]:
    """Return the class names of a list in the folder, or all that occur in the JSON files."""
    if file := find_names([root]):
        return list(read_names(file).values())
    if (root / "labels.txt").exists():
        return [name for name in read_names(root / "labels.txt").values() if name not in _NO_CLASSES]
    files = [file for name, file in files_below(root).items() if name.lower().endswith(".json")]
    names = array_to_words(Converted("labelme", files, lambda: _read_classes(files))["names"])
    if not names:
        raise UserError(f"{root}: no shape is named in {len(files)} JSON files")
    return names


def _read_classes(files: list[str]) -> Arrays:
    names = set[str]().union(*(labels_in(file) or () for file in files))
    return {"names": words_to_array(sorted(names - {""}))}
