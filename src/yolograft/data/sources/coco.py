"""Any data set in COCO JSON: as COCO itself lies on disk, as Roboflow exports it, or a single file."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PureWindowsPath

from yolograft.common.errors import UserError
from yolograft.common.files import open_regular
from yolograft.data.labels.coco import CocoLabels, find_image, placed
from yolograft.data.labels.coco_file import CocoFile, coco_file
from yolograft.data.places import entries, files_below, folder_of, folders_in, given_path, is_file, is_folder, is_image
from yolograft.data.sources.class_names import repeated
from yolograft.data.sources.layout import IMAGES, settle
from yolograft.data.spec import DataSpec
from yolograft.data.split_names import SPLITS, split_of
from yolograft.data.tails import AmbiguousPathError, Tails

#: Files that lie beside `instances_….json` in COCO and hold something else than boxes.
_OTHER_TASKS = ("captions", "image_info", "panoptic", "person_keypoints", "stuff")

#: So many of its images are looked for to find the folder of a JSON file's images.
_SAMPLE = 50


def coco(
    *, path: str, train: str | None = None, val: str | None = None, test: str | None = None, images: str | None = None
) -> DataSpec:
    """Read a data set whose labels are COCO JSON; crowds (`iscrowd`) are left out, segmentations are not looked at.

    Args:
        path: The folder of the data set, or a JSON file: all its images are then one pool.
        train: The JSON file of the images to train on, relative to the folder; found by its name if not given.
        val: The same for validation.
        test: The same for testing.
        images: The folder that `file_name` is relative to, relative to `path`; found if not given.

    Returns:
        The data set. Its classes are the categories in ascending order of their ids.

    Raises:
        UserError: No file, or several, for a split; a file that is not COCO JSON; splits of different categories; no
            image of a file is found.
    """
    place = given_path(path, "dataset=coco_json dataset.path=FOLDER")
    if is_file(place):
        return _joined(place.parent, place.stem, {"train": [place]}, images, str(place))
    given = {"train": train, "val": val, "test": test}
    if any(given.values()):
        found = {split: [place / file] for split, file in given.items() if file}
        return _joined(place, place.name, found, images, str(place))
    return settle(place, lambda root: read(root, images), lambda root: bool(find_documents(root)))


def read(root: Path, images: str | None = None) -> DataSpec:
    """Read the data set in a folder; see `coco`."""
    return _joined(root, root.name, find_documents(root), images, str(root))


def _joined(root: Path, name: str, found: dict[str, list[Path]], images: str | None, source: str) -> DataSpec:
    """Join the JSON files of the splits to a data set."""
    documents = {split: coco_file(str(_only(root, split, files))) for split, files in found.items()}
    if "train" not in documents:
        raise UserError(f"{root}: no COCO JSON to train on; looked for annotations/*train*.json and train/*.json")
    categories = _categories(documents)
    if images and not is_folder(root / images):
        raise UserError(f"dataset.images: folder {root / images} does not exist")
    where, notes = {}, []
    for split, document in documents.items():
        where[split], note = (str(root / images), "") if images else _folder_of_images(root, split, document)
        notes += [note] if note else []
    lists = {
        split: tuple(image for image in placed(document.file, where[split]) if is_image(image))
        for split, document in documents.items()
    }
    again = repeated(categories.values())
    return DataSpec(
        name=name,
        train=lists["train"],
        val=lists.get("val", ()),
        test=lists.get("test", ()),
        names=dict(enumerate(categories.values())),
        root=str(root),
        labels=CocoLabels(
            tuple(dict.fromkeys((document.file, where[split]) for split, document in documents.items())),
            tuple(categories),
        ),
        form="coco",
        source=documents["train"].file if len(documents) == 1 else source,
        notes=(*dict.fromkeys(notes), *([again] if again else [])),
    )


def find_documents(root: Path) -> dict[str, list[Path]]:
    """Return the JSON files of each split in a folder, by their names; one that names no split is one pool, `train`."""
    annotations = folder_of(root, "annotations")
    places = [annotations, root] if annotations else [root]
    there = [file for place in places for file in _documents(place)]
    found = {split: [file for file in there if _split(file) == split] for split in SPLITS}
    for split, names in SPLITS.items():
        folder = folder_of(root, *names)
        found[split] = found[split] or (_documents(folder) if folder else [])
    found = {split: some for split, some in found.items() if some}
    return found or ({"train": there} if there else {})


def files(root: Path) -> list[Path]:
    """Return the JSON files in a folder that would be read."""
    return [file for some in find_documents(root).values() for file in some]


def recognise(root: Path) -> str | None:
    """Return the file that shows that a folder holds COCO JSON, or None."""
    return next((str(file.relative_to(root)) for file in files(root)), None)


def _documents(folder: Path) -> list[Path]:
    """Return the JSON files of a folder that look like COCO for detection."""
    documents = [file for file in entries(folder) if file.suffix.lower() == ".json"]
    return [file for file in documents if not file.name.startswith(_OTHER_TASKS) and _looks_like_coco(file)]


def _looks_like_coco(file: Path) -> bool:
    """Tell by a file's beginning, which is enough: there are files of a gigabyte, and folders of one JSON per image."""
    try:
        with open_regular(file) as stream:
            start = stream.read(65536)
    except OSError:
        return False
    return any(f'"{key}"'.encode() in start for key in ("images", "annotations", "categories"))


def _split(file: Path) -> str | None:
    """Return the split that a file's name says: `instances_train2017`, `bccd-valid`, `test`; `trainval` is train."""
    words = re.findall("[a-z]+", file.stem.lower())
    return next((split for split in SPLITS for word in words if word.startswith(split)), None)


def _only(root: Path, split: str, found: list[Path]) -> Path:
    if len(found) > 1:
        names = ", ".join(str(file.relative_to(root)) for file in found)
        choose = f"dataset=coco_json dataset.path={root} dataset.train=FILE"
        choose += "" if split == "train" else f" dataset.{split}=FILE"
        raise UserError(f"{root}: several COCO JSON files for {split}: {names}; choose with {choose}")
    return found[0]


def _categories(documents: dict[str, CocoFile]) -> dict[int, str]:
    """Return the names of the categories that are classes, by id in ascending order.

    Roboflow adds an entry of its own that no box has: the supercategory of all others.
    """
    first_split, first = next(iter(documents.items()))
    for split, document in documents.items():
        mine, other = ({id_: name for id_, (name, _) in each.categories.items()} for each in (first, document))
        if mine != other:
            id_ = min(key for key in {**mine, **other} if mine.get(key) != other.get(key))
            said = [f"{some.get(id_)!r}" if id_ in some else "missing" for some in (mine, other)]
            raise UserError(
                f"{document.file}: the categories of {split} are not those of {first_split}: "
                f"category {id_} is {said[1]}, there {said[0]}"
            )
    used = frozenset[int]().union(*(document.used for document in documents.values()))
    above = {id_: parent for id_, (_, parent) in first.categories.items()}
    kept = {
        id_: name
        for id_, (name, _) in first.categories.items()
        if id_ in used or not any(parent == name for other, parent in above.items() if other != id_)
    }
    if not kept:
        raise UserError(f"{first.file}: names no category")
    return kept


def _folder_of_images(root: Path, split: str, document: CocoFile) -> tuple[str, str]:
    """Return the folder in which most of a sample of a JSON file's images are found, and a note where that is unusual.

    Raises:
        UserError: None is found, or one could be several files.
    """
    file = Path(document.file)
    stem = re.sub("^instances?_", "", file.stem)
    roots = [root, file.parent.parent] if file.parent.name.lower() == "annotations" else [root]
    inside = [place for folder in roots for place in (folder_of(folder, *IMAGES), folder) if place]
    named = [
        found for folder in inside for name in (stem, *SPLITS[split]) if (found := folder_of(folder, name.lower()))
    ]
    candidates = [*named, *(folder / "images" for folder in named), file.parent / "images", file.parent, *inside]
    sample = document.names[:_SAMPLE]
    best, most = _best(candidates, sample)
    if sample and not most:
        others = [folder for folder in _folders_below(root) if split_of(folder.name) == split]
        best, most = _best(others, sample)
    if sample and not most:
        return _somewhere_below(root, document)
    return str(best or file.parent), ""


def _best(folders: Iterable[Path], sample: Sequence[str]) -> tuple[Path | None, int]:
    """Return the folder in which most images of a sample are found, and how many."""
    best, most = None, 0
    for folder in dict.fromkeys(folder for folder in folders if is_folder(folder)):
        below = files_below(folder)
        hits = sum(find_image(name, below) is not None for name in sample)
        if hits > most:
            best, most = folder, hits
        if hits == len(sample):
            break
    return best, most


def _folders_below(root: Path) -> list[Path]:
    """Return the folders in a folder, and in those."""
    first = folders_in(root)
    return [*first, *(inner for folder in first for inner in folders_in(folder))]


def _somewhere_below(root: Path, document: CocoFile) -> tuple[str, str]:
    """Return the folder below the data set's in which the images lie, by how their paths end."""
    tails, choose = Tails(root), f"dataset=coco_json dataset.path={root} dataset.images=FOLDER"
    for name in document.names[:_SAMPLE]:
        try:
            found = tails.find(name)
        except AmbiguousPathError as error:
            raise UserError(f"{document.file}: where is {name}? {error}; choose with {choose}") from None
        if found and is_file(found):
            folder = found.parents[len(PureWindowsPath(name).parts) - 1] if _ends_with(found, name) else found.parent
            return str(folder), f"{Path(document.file).name}: its images were found in {folder.relative_to(root)}"
    raise UserError(
        f"{document.file}: none of its images, such as {document.names[0]}, is below {root}; "
        f"put them there, or say where they are: {choose}"
    )


def _ends_with(file: Path, name: str) -> bool:
    parts = PureWindowsPath(name).parts
    return file.parts[-len(parts) :] == parts
