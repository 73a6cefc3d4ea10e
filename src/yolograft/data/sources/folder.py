"""The layout of many tutorials: train/images, train/labels, val/images, val/labels and a classes.txt."""

from pathlib import Path

from yolograft.data.places import given_folder, is_folder
from yolograft.data.sources.class_names import find_names, read_names
from yolograft.data.spec import DataSpec
from yolograft.errors import UserError


def folder(*, path: str) -> DataSpec:
    """Read a data set by its layout; `valid` serves as `val`, and `test` may be missing.

    Args:
        path: the folder that holds `train` and `val`. Class names come from `classes.txt`, one per line, in the folder,
            in `train` or, as labelling tools leave it, in `train/labels`.

    Returns:
        The data set; without a val split where there is only `train`.

    Raises:
        UserError: the folder, `train/images` or `classes.txt` is missing, `val` is there without `val/images`, or no
            class is named.
    """
    root = given_folder(path, "dataset=folder dataset.path=FOLDER")
    val = next((name for name in ("val", "valid") if is_folder(root / name)), None)
    for split in ("train", val):
        if split and not is_folder(root / split / "images"):
            raise UserError(f"folder {root / split / 'images'} does not exist; the layout is train/images, val/images")
    test = root / "test" / "images"
    names = find_names([root, root / "train", root / "train" / "labels"])
    if not names:
        raise UserError(f"no classes.txt, one class name per line: looked in {root}, train and train/labels")
    return DataSpec(
        name=root.name,
        train=(str(root / "train" / "images"),),
        val=(str(root / val / "images"),) if val else (),
        test=(str(test),) if is_folder(test) else (),
        names=read_names(names),
        root=str(root),
    )


def recognise(root: Path) -> str | None:
    """Return what shows that a folder has this layout, or None."""
    there = is_folder(root / "train" / "images") and is_folder(root / "train" / "labels")
    return "train/images and train/labels" if there else None
