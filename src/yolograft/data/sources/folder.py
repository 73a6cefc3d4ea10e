"""Splits by layout: train/images and val/images, images/train and images/val, or train and val; and a classes.txt."""

from itertools import chain
from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.data.labels.yolo import YoloLabels
from yolograft.data.places import files_below, folder_of, given_folder, is_folder
from yolograft.data.sources.class_names import find_names, read_names, repeated
from yolograft.data.sources.layout import IMAGES, find_splits, settle, split_folders
from yolograft.data.spec import DataSpec
from yolograft.data.split_names import SPLITS


def folder(*, path: str) -> DataSpec:
    """Read a data set by its layout; `valid` serves as `val`, and `val` and `test` may be missing.

    Args:
        path: The folder that holds `train` and `val`, or `images` with both in it. Class names come from `classes.txt`
            (or obj.names, notes.json, …), in the folder, in `train` or, as labelling tools leave it, among the labels.

    Returns:
        The data set; without a val split where there is only `train`.

    Raises:
        UserError: The folder, its images or `classes.txt` are missing, `val` is there without `val/images`, or no class
            is named.
    """
    return settle(given_folder(path, "dataset=folder dataset.path=FOLDER"), read, holds)


def holds(root: Path) -> bool:
    """Tell whether a folder has this layout."""
    return recognise(root) is not None


def read(root: Path) -> DataSpec:
    """Read the data set in a folder; see `folder`."""
    splits = find_splits(root)
    if not splits:
        missing = next(chain(*split_folders(root).values()), root / "train" / "images")
        state = "holds no images" if is_folder(missing) else "does not exist"
        raise UserError(f"folder {missing} {state}; the layout is train/images, val/images or images/train, images/val")
    val = splits.places.get("val", [root])[0]
    if splits.places["train"][0].name.lower() in IMAGES and val != root and val.name.lower() not in IMAGES:
        raise UserError(f"folder {val / 'images'} does not exist; the layout is train/images, val/images")
    file = names_file(root)
    if not file:
        raise UserError(f"no classes.txt, one class name per line: looked in {root}, train and train/labels")
    names = read_names(file)
    again = repeated(names.values())
    paths = {split: tuple(map(str, places)) for split, places in splits.places.items()}
    notes = [f"{split}: {' and '.join(places)}" for split, places in paths.items() if len(places) > 1]
    return DataSpec(
        name=root.name,
        train=paths["train"],
        val=paths.get("val", ()),
        test=paths.get("test", ()),
        names=names,
        root=str(root),
        labels=YoloLabels(beside=splits.beside),
        form="folder",
        source=str(root),
        notes=(*notes, *([f"{file.name}: {again}"] if again else [])),
    )


def names_file(root: Path) -> Path | None:
    """Return the list of class names of a data set: beside its splits, among its labels or images."""
    tops = [root, *(found for name in ("labels", "images", *SPLITS["train"]) if (found := folder_of(root, name)))]
    inner = [found for top in tops[1:] for name in ("labels", "train") if (found := folder_of(top, name))]
    return find_names([*tops, *inner])


def recognise(root: Path) -> str | None:
    """Return what shows that a folder has this layout and labels in text files, or None."""
    splits = find_splits(root)
    if not splits:
        return None
    place = splits.places["train"][0]
    if place.suffix.lower() == ".txt":
        return splits.shown
    labels = folder_of(place.parent, "labels") or folder_of(root, "labels")
    kinds = {name.rpartition(".")[-1].lower() for name in files_below(place if splits.beside or not labels else labels)}
    if "txt" in kinds or (labels and not splits.beside and not kinds):
        return splits.shown
    return None
