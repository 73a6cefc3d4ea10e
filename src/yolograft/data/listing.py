"""Which image files a split has."""

from pathlib import Path

from yolograft.data.checks import Fault
from yolograft.data.places import exists, files_below, is_folder, lines_of
from yolograft.data.spec import DataSpec
from yolograft.errors import UserError
from yolograft.stock.images import IMG_FORMATS

#: Entries of the longest list of images.
MAX_IMAGES = 3_000_000

#: Kinds of images that people have and ultralytics does not read.
UNREAD = ("gif", "jfif", "jpe", "j2k", "pgm", "ppm", "pbm", "tga", "psd", "svg", "exr", "hdr", "ico", "jxl")


def list_images(spec: DataSpec, split: str) -> list[str]:
    """Return a split's images, sorted as ultralytics sorts them; none where the data set has no such split.

    Args:
        spec: the data set. A folder is searched with all below it; a list (.txt) holds paths relative to itself or to
            the data set's folder.
        split: `train`, `val` or `test`.

    Raises:
        UserError: a folder or list that does not exist, or no images in them.
    """
    paths = getattr(spec, split)
    files = sorted(file for path in paths for file in _listed(path, spec, split) if suffix(file) in IMG_FORMATS)
    if paths and not files:
        kinds = ", ".join(sorted(IMG_FORMATS))
        raise UserError(f"{split}: no images in {', '.join(paths)} (looked for {kinds})")
    return files


def stray_labels(spec: DataSpec) -> list[Fault]:
    """Return the label files that belong to no image of any split, and images of a kind that is not read.

    Where a split is a list of images, it is a selection: labels of what was not selected are no fault.
    """
    paths = (*spec.train, *spec.val, *spec.test)
    if any(suffix(path) == "txt" for path in paths):
        return []
    images = [file for split in ("train", "val", "test") for file in list_images(spec, split)]
    unread = [
        Fault(file, None, f"{suffix(file)} images are not read; convert it to png or jpg", "unreadable-image")
        for path in dict.fromkeys(paths)
        if is_folder(path)
        for file in files_below(path).values()
        if suffix(file) in UNREAD
    ]
    return unread + spec.labels.stray(images, spec.labels.files(images))


def suffix(file: str) -> str:
    """Return a file's suffix in small letters, without the point."""
    return file.rpartition(".")[-1].lower()


def _listed(path: str, spec: DataSpec, split: str) -> list[str]:
    """Return the files in a folder, the lines of a list, or the file itself."""
    if suffix(path) in IMG_FORMATS and not is_folder(path):
        return [path]  # whether it can be read is for the scan to say
    place = Path(path)
    if is_folder(place):
        return [file for name, file in files_below(place).items() if "." in name.rpartition("/")[-1]]
    if not exists(place):
        raise UserError(f"{split}: {path} does not exist; a split is a folder of images or a .txt list of them")
    if suffix(path) != "txt":
        raise UserError(f"{split}: {path} is neither a folder of images nor a .txt list of them")
    lines = lines_of(place, "a list of images", MAX_IMAGES)
    return [str(_resolved(line.strip(), place.parent, Path(spec.root))) for line in lines if line.strip()]


def _resolved(line: str, folder: Path, root: Path) -> Path:
    """Return the path that a line of a list means: beside the list, or in the data set's folder."""
    beside, below_root = folder / line, root / line
    return below_root if not exists(beside) and exists(below_root) else beside
