"""One folder of images with YOLO labels and without splits: beside the images, or in a folder labels beside images."""

from pathlib import Path

from yolograft.data.labels.yolo import NOT_LABELS, YoloLabels
from yolograft.data.places import files_below, given_folder, is_folder, is_image
from yolograft.data.sources.class_names import FILES, find_names, read_names
from yolograft.data.spec import DataSpec
from yolograft.errors import UserError
from yolograft.stock.images import IMG_FORMATS


def flat(*, path: str) -> DataSpec:
    """Read a folder of images, with all below it, as one pool; `dataset.split` says how it is split.

    Args:
        path: the folder. It holds images with a .txt of the same name beside each, or the folders images and labels.
            Class names come from classes.txt (or obj.names, …), one per line, in the folder or among the labels.

    Returns:
        The data set, without a val split.

    Raises:
        UserError: the folder is missing, holds no images, or has no list of class names.
    """
    root = given_folder(path, "dataset=flat dataset.path=FOLDER")
    in_folders = is_folder(root / "images") and is_folder(root / "labels")
    images = root / "images" if in_folders else root
    if not any(is_image(name) for name in files_below(images)):
        raise UserError(f"{images}: no images (looked for {', '.join(sorted(IMG_FORMATS))})")
    file = find_names([root, root / "labels", root / "images"])
    if not file:
        raise UserError(f"no classes.txt, one class name per line, in {root}{' or in labels' if in_folders else ''}")
    return DataSpec(
        name=root.name,
        train=(str(images),),
        val=(),
        test=(),
        names=read_names(file),
        root=str(root),
        labels=YoloLabels(beside=not in_folders),
    )


def recognise(root: Path) -> str | None:
    """Return what shows that a folder is images with text labels, or None: a label file, or a list of class names."""
    files = files_below(root)
    if not any(is_image(name) for name in files):
        return None
    return next((name for name in files if Path(name).name in FILES or _is_label(name)), None)


def _is_label(name: str) -> bool:
    return name.lower().endswith(".txt") and Path(name).name not in NOT_LABELS
