"""Where a data set lies, and how its folders and lists name its splits, whatever form its labels have."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.common.files import open_regular
from yolograft.data.places import entries, files_below, folder_of, folders_in, is_file, is_image
from yolograft.data.spec import DataSpec
from yolograft.data.split_names import SPLITS, split_of

#: What folders of images and of labels are called, in small letters.
IMAGES = ("jpegimages", "images", "imgs")
ANNOTATIONS = ("annotations", "xmls", "annots", "labels")


@dataclass(frozen=True)
class Splits:
    """Splits that a layout names.

    Attributes:
        places: Folders of images, or a list of images, of each split, such as val and valid.
        beside: Labels lie beside the images, not in folders of their own.
        shown: What shows it, such as `train/images and val/images`.
    """

    places: dict[str, list[Path]] = field(default_factory=dict)
    beside: bool = False
    shown: str = ""


def find_splits(root: Path) -> Splits | None:
    """Return the splits that a folder's layout names, or None where it names none to train on.

    The layouts are `train/images`, `images/train`, images in `train` itself, and `train.txt` with `val.txt`. A folder
    that is called train is no split where there is no other, unless it holds `images`.
    """
    inside = folder_of(root, *IMAGES)
    for base in (root, inside):
        found = split_folders(base) if base else {}
        train = found.get("train", [])
        named = bool(train) and train[0].name.lower() in IMAGES
        if named or (train and len(found) > 1 and (base == inside or any(map(_has_images, train)))):
            beside = base == root and train[0].parent == root
            beside = beside or (base == inside and not folder_of(root, *ANNOTATIONS))
            return Splits(found, beside, _shown(root, found))
    lists = {split: [file] for split, words in SPLITS.items() if (file := _list(root, words))}
    if "train" in lists and len(lists) > 1:
        return Splits(lists, beside=not folder_of(root, "labels"), shown=_shown(root, lists))
    return None


def split_folders(root: Path) -> dict[str, list[Path]]:
    """Return a folder's subfolders that are named after splits; of each the folder of its images, where it has one."""
    found: dict[str, list[Path]] = {}
    for folder in folders_in(root):
        if split := split_of(folder.name):
            found.setdefault(split, []).append(folder_of(folder, *IMAGES) or folder)
    return {split: found[split] for split in SPLITS if split in found}


def settle(place: Path, read: Callable[[Path], DataSpec], holds: Callable[[Path], bool]) -> DataSpec:
    """Read a data set whose folder may have been given a level or two too low or too high.

    Args:
        place: The folder that was given.
        read: Reads a data set in a folder.
        holds: Tells whether a folder seems to hold one.

    Raises:
        UserError: `read` refuses it, or there are several below the folder.
    """
    if above := _above(place, read, holds):
        return above
    root = place if holds(place) else below(place, holds) or place
    spec = read(root)
    if root == place:
        return spec
    return replace(spec, notes=(f"the data set lies in {root.relative_to(place)}, in the folder given", *spec.notes))


def below(place: Path, holds: Callable[[Path], bool]) -> Path | None:
    """Return the only folder in or two levels below a folder that holds a data set.

    Raises:
        UserError: There are several.
    """
    level = folders_in(place)
    for _ in range(2):
        level = [folder for folder in level if folder.name != "__MACOSX"]  # left by zip on a Mac: no images in it
        found = [folder for folder in level if holds(folder)]
        if len(found) > 1:
            names = ", ".join(str(folder.relative_to(place)) for folder in found[:5])
            raise UserError(f"{place}: holds several data sets: {names}; dataset.path names one of them")
        if found:
            return found[0]
        level = [inner for folder in level for inner in folders_in(folder)]
    return None


def _above(place: Path, read: Callable[[Path], DataSpec], holds: Callable[[Path], bool]) -> DataSpec | None:
    """Return the data set that a folder is but a part of: a split, or the images of all splits."""
    folder = place
    for _ in range(2):
        if not (split_of(folder.name) or folder.name.lower() in (*IMAGES, *ANNOTATIONS)):
            return None
        folder = folder.parent
        try:
            spec = read(folder) if holds(folder) else None
        except UserError:
            continue
        paths = map(Path, (*spec.train, *spec.val, *spec.test)) if spec and spec.val else ()
        if spec and (any(_touch(path, place) for path in paths) or (spec.val and place.name.lower() in ANNOTATIONS)):
            note = f"{place.name} is a part of the data set in {folder}, which is read"
            return replace(spec, notes=(note, *spec.notes))
    return None


def _touch(one: Path, other: Path) -> bool:
    """Tell whether one folder lies in the other, or beside it in the same split."""
    return one.is_relative_to(other) or other.is_relative_to(one) or one.parent == other.parent


def _has_images(place: Path) -> bool:
    return any(is_image(name) for name in files_below(place))


def _shown(root: Path, found: dict[str, list[Path]]) -> str:
    return " and ".join(str(places[0].relative_to(root)) for places in list(found.values())[:2])


def _list(root: Path, words: tuple[str, ...]) -> Path | None:
    """Return a split's list of images in a folder: a text file of its name whose first line names an image."""
    files = {file.name.lower(): file for file in entries(root) if file.suffix.lower() == ".txt" and is_file(file)}
    for file in (files[f"{word}.txt"] for word in words if f"{word}.txt" in files):
        try:
            with open_regular(file) as stream:
                first = stream.readline(4096).decode("utf-8-sig", "replace")
        except OSError:
            continue
        if is_image(first.strip()):
            return file
    return None
