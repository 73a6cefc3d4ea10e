"""Which image files a split has."""

import unicodedata
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.data.checks import Fault
from yolograft.data.places import exists, files_below, image_suffixes, is_file, is_folder, lines_of
from yolograft.data.spec import DataSpec
from yolograft.data.tails import AmbiguousPathError, Tails

#: Entries of the longest list of images.
MAX_IMAGES = 3_000_000

#: Kinds of images that people have and ultralytics does not read.
UNREAD = ("gif", "jfif", "jpe", "j2k", "pgm", "ppm", "pbm", "tga", "psd", "svg", "exr", "hdr", "ico", "jxl")


def list_images(spec: DataSpec, split: str) -> list[str]:
    """Return a split's images, sorted as ultralytics sorts them; none where the data set has no such split.

    Args:
        spec: The data set. A folder is searched with all below it; a list (.txt) holds paths relative to itself or to
            the data set's folder.
        split: `train`, `val` or `test`.

    Raises:
        UserError: A folder or list that does not exist, or no images in them.
    """
    paths = getattr(spec, split)
    files = sorted(file for path in paths for file in _listed(path, spec, split) if suffix(file) in image_suffixes())
    if paths and not files:
        kinds = ", ".join(sorted(image_suffixes()))
        raise UserError(f"{split}: no images in {', '.join(paths)} (looked for {kinds})")
    return files


def orphan_labels(spec: DataSpec) -> list[Fault]:
    """Return the label files and images that are not used, and what else is wrong with the labels as a whole.

    Where a split is a list of images, it is a selection: labels of what was not selected are no fault.
    """
    paths = (*spec.train, *spec.val, *spec.test)
    images = [file for split in ("train", "val") for file in list_images(spec, split)]
    with suppress(UserError):  # training does without a test split, also where one is named
        images += list_images(spec, "test")
    unread = [
        Fault(file, None, f"{suffix(file)} images are not read; convert it to png or jpg", "unreadable-image")
        for path in dict.fromkeys(paths)
        if is_folder(path)
        for file in files_below(path).values()
        if suffix(file) in UNREAD
    ]
    found = spec.labels.orphans(images, spec.labels.files(images), spec.root)
    if any(suffix(path) == "txt" for path in paths):
        found = [fault for fault in found if fault.kind != "label-without-image"]
    return [*unread, *found, *_alike_classes(spec)]


def _alike_classes(spec: DataSpec) -> list[Fault]:
    """Return which classes have names that differ in nothing that a person means: `Cat` and `cat`."""
    alike: dict[str, list[str]] = {}
    for name in spec.names.values():
        alike.setdefault(" ".join(unicodedata.normalize("NFC", name).casefold().split()), []).append(name)
    said = [", ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
    return [Fault(spec.root, None, f"classes of their own: {names}", "alike-classes") for names in said]


def suffix(file: str) -> str:
    """Return a file's suffix in small letters, without the point."""
    return file.rpartition(".")[-1].lower()


def _listed(path: str, spec: DataSpec, split: str) -> list[str]:
    """Return the files in a folder, the lines of a list, or the file itself."""
    if suffix(path) in image_suffixes() and not is_folder(path):
        return [path]  # whether it can be read is for the scan to say
    place = Path(path)
    if is_folder(place):
        return [file for name, file in files_below(place).items() if "." in name.rpartition("/")[-1]]
    if not exists(place):
        raise UserError(f"{split}: {path} does not exist; a split is a folder of images or a .txt list of them")
    if suffix(path) != "txt":
        raise UserError(f"{split}: {path} is neither a folder of images nor a .txt list of them")
    return list(_list(path, spec.root, split)[0])


def list_notes(spec: DataSpec) -> list[str]:
    """Return what was done about lines of lists that name no file: one sentence for each list that can be read."""
    found: list[str] = []
    for split in ("train", "val", "test"):
        for path in getattr(spec, split):
            if suffix(path) == "txt" and is_file(path):
                with suppress(UserError):  # said by `list_images`
                    found.append(_list(path, spec.root, split)[1])
    return [note for note in dict.fromkeys(found) if note]


def _list(path: str, root: str, split: str) -> tuple[tuple[str, ...], str]:
    try:
        state = Path(path).stat()
        return _read_list(path, root, split, (state.st_size, state.st_mtime_ns))
    except OSError as error:
        raise UserError(f"{split}: {path} cannot be read: {error.strerror}") from None


@lru_cache(maxsize=16)  # asked for several times in a run, and each line is looked for on disk
def _read_list(path: str, root: str, split: str, state: tuple[int, int]) -> tuple[tuple[str, ...], str]:
    """Return the images that a list names, and what was done about lines that name no file."""
    lines = lines_of(Path(path), "a list of images", MAX_IMAGES)
    tails = Tails(root)
    found: dict[int, str] = {}
    moved: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not (line := line.strip()):
            continue
        place = _resolved(line, Path(path).parent, Path(root))
        if not exists(place):
            try:
                tail = tails.find(line)
            except AmbiguousPathError as error:
                raise UserError(f"{path}:{number}: {line} does not exist; {error}: write which") from None
            if tail and is_file(tail):
                place = tail
                moved[str(tail)] = line
        found[number] = str(place)
    if not moved:
        return tuple(found.values()), ""
    tail_, line = next(iter(moved.items()))
    there = Path(tail_).relative_to(root)
    said = f"{len(moved)} of {len(found)} paths do not exist and were found by how they end: {line} as {there}"
    note = f"{Path(path).name}: {said}"
    return tuple(found.values()), note


def _resolved(line: str, folder: Path, root: Path) -> Path:
    """Return the path that a line of a list means: beside the list, or in the data set's folder."""
    ways = dict.fromkeys((line, line.replace("\\", "/")))
    places = [place / way for way in ways for place in (folder, root)]
    return next((place for place in places if exists(place)), places[0])
