"""One folder of images with YOLO labels and without splits: beside the images, or in a folder labels beside images."""

from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.data.labels.yolo import NOT_LABELS, YoloLabels
from yolograft.data.places import entries, files_below, folder_of, given_folder, image_suffixes, is_image
from yolograft.data.sources import folder
from yolograft.data.sources.class_names import FILES, read_names, repeated
from yolograft.data.sources.layout import settle
from yolograft.data.spec import DataSpec


def flat(*, path: str) -> DataSpec:
    """Read a folder of images, with all below it, as one pool; `dataset.split` says how it is split.

    Where its folders name splits all the same, they are used: see `folder`.

    Args:
        path: The folder. It holds images with a .txt of the same name beside each, or the folders images and labels.
            Class names come from classes.txt (or obj.names, …), one per line, in the folder or among the labels.

    Returns:
        The data set, without a val split unless the layout names one.

    Raises:
        UserError: The folder is missing, holds no images, or has no list of class names.
    """
    return settle(given_folder(path, "dataset=flat dataset.path=FOLDER"), read, holds)


def read(root: Path) -> DataSpec:
    """Read the data set in a folder; see `flat`."""
    if folder.holds(root):
        return folder.read(root)
    in_folders = _in_folders(root)
    images = in_folders[0] if in_folders else root
    if not any(is_image(name) for name in files_below(images)):
        raise UserError(f"{images}: no images (looked for {', '.join(sorted(image_suffixes()))})")
    file = folder.names_file(root)
    if not file:
        raise UserError(f"no classes.txt, one class name per line, in {root}{' or in labels' if in_folders else ''}")
    names = read_names(file)
    again = repeated(names.values())
    return DataSpec(
        name=root.name,
        train=(str(images),),
        val=(),
        test=(),
        names=names,
        root=str(root),
        labels=YoloLabels(beside=not in_folders),
        form="flat",
        source=str(root),
        notes=(f"{file.name}: {again}",) if again else (),
    )


def holds(root: Path) -> bool:
    """Tell whether the images lie in this very folder, or in folders images and labels, or their class names do."""
    if folder.holds(root) or any(is_image(entry.name) for entry in entries(root)) or _in_folders(root):
        return True
    return folder.names_file(root) is not None and recognise(root) is not None


def recognise(root: Path) -> str | None:
    """Return what shows that a folder is images with text labels, or None: a label file, or a list of class names."""
    files = files_below(root)
    if not any(is_image(name) for name in files):
        return None
    return next((name for name in files if Path(name).name in FILES or _is_label(name)), None)


def _in_folders(root: Path) -> tuple[Path, Path] | None:
    """Return the folders images and labels, whatever the case of their letters, where there are both."""
    images, labels = folder_of(root, "images"), folder_of(root, "labels")
    return (images, labels) if images and labels else None


def _is_label(name: str) -> bool:
    return name.lower().endswith(".txt") and Path(name).name not in NOT_LABELS
