"""The layout of many tutorials: train/images, train/labels, val/images, val/labels and a classes.txt."""

from pathlib import Path

from yolograft.data.spec import DataSpec
from yolograft.errors import UserError


def folder(*, path: str) -> DataSpec:
    """Read a data set by its layout; `valid` serves as `val`, and `test` may be missing.

    Args:
        path: the folder that holds `train` and `val`. Class names come from `classes.txt`, one per line, in the folder,
            in `train` or, as labelling tools leave it, in `train/labels`.

    Returns:
        The data set.

    Raises:
        UserError: the folder, `train/images`, `val/images` or `classes.txt` is missing, or names no class.
    """
    if path in ("", "???"):  # ??? is how a config file says that a value must be given
        raise UserError("dataset.path is missing; say which folder: dataset=folder dataset.path=FOLDER")
    root = Path(path).expanduser().absolute()  # links are kept: labels lie where the layout says, not where links lead
    if not root.is_dir():
        raise UserError(f"dataset.path: folder {root} does not exist")
    val = "valid" if not (root / "val").is_dir() and (root / "valid").is_dir() else "val"
    for split in ("train", val):
        if not (root / split / "images").is_dir():
            raise UserError(f"folder {root / split / 'images'} does not exist; the layout is train/images, val/images")
    test = root / "test" / "images"
    return DataSpec(
        name=root.name,
        train=(str(root / "train" / "images"),),
        val=(str(root / val / "images"),),
        test=(str(test),) if test.is_dir() else (),
        names=_class_names(root),
        root=str(root),
    )


def _class_names(root: Path) -> dict[int, str]:
    """Return the names in classes.txt by their line, counted from 0."""
    places = [root / "classes.txt", root / "train" / "classes.txt", root / "train" / "labels" / "classes.txt"]
    file = next((place for place in places if place.is_file()), None)
    if not file:
        raise UserError(f"no classes.txt, one class name per line: looked in {root}, train and train/labels")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 text: {error.reason}") from None
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UserError(f"{file}: empty; write one class name per line")
    return dict(enumerate(names))
