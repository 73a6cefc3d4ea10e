"""Label files that fit no image, and what they mean for images that have no labels."""

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path, PurePosixPath

from yolograft.data.checks import Fault
from yolograft.data.labels.pairing import Listing, key
from yolograft.data.places import files_below, is_image


def orphan_files(
    images: Sequence[str],
    files: Sequence[str],
    suffix: str,
    root: str,
    labels_something: Callable[[str], bool],
    *,
    ignored: Collection[str] = (),
    claimed: Collection[str] = (),
) -> list[Fault]:
    """Return the label files that belong to no image.

    They are harmless leftovers, unless an image has no labels: it may be theirs, and would be trained on as if nothing
    was in it.

    Args:
        images: The images of all splits.
        files: Their label files.
        suffix: Of label files, with the point.
        root: The data set's folder. All of it is searched for labels with the name of an image that has none.
        labels_something: Tells whether a file really labels an object.
        ignored: Names of files that are no labels.
        claimed: Names without suffix of images in other folders whose labels may lie in the same ones.
    """
    listing = Listing()
    pairs = [(image, file) for image, file in zip(images, files, strict=True) if file]
    known = {file for _, file in pairs}
    near = [f for f in _near(pairs, known, suffix, listing, ignored) if Path(f).stem not in claimed]
    bare = [image for image, file in pairs if not listing.has(file) and listing.has(image)]
    if not bare:
        return [_orphan(file) for file in near]
    beside = _near([(image, image) for image in bare], known, suffix, listing, ignored)
    suspects = {*near, *beside, *(file for file in _far(bare, root, suffix, ignored) if file not in known)}
    orphans = {file for file in suspects if labels_something(file)}
    return [*without_labels(root, bare, orphans), *(_orphan(file) for file in near if file not in orphans)]


def without_labels(root: str, bare: Sequence[str], orphans: Collection[str]) -> list[Fault]:
    """Return a grave fault for each label file that fits no image, while there are images without labels."""
    by_key = {key(Path(image).stem): image for image in reversed(bare)}
    more = f" (and {len(bare) - 1} other images)" if len(bare) > 1 else ""
    return [
        Fault(
            file,
            None,
            f"fits no image, while {_below(by_key.get(key(Path(file).stem), bare[0]), root)}{more} has no labels",
            "orphan-labels",
        )
        for file in sorted(orphans)
    ]


def _orphan(file: str) -> Fault:
    return Fault(file, None, "labels without an image", "label-without-image")


def _below(path: str, root: str) -> str:
    return os.path.relpath(path, root) if Path(path).is_relative_to(root) else path


def _near(
    pairs: Sequence[tuple[str, str]], known: set[str], suffix: str, listing: Listing, ignored: Collection[str]
) -> list[str]:
    """Return the label files in the folders of the images' label files that have no image, used by a split or not."""
    folders: dict[str, set[str]] = {}  # of labels: the folders of their images, which may be the same
    for image, file in pairs:
        folders.setdefault(os.path.dirname(file), set()).add(os.path.dirname(image))
    found = []
    for place, sources in folders.items():
        names = {name for name in listing.names(place) if name.lower().endswith(suffix) and name not in ignored}
        stems = {n.rpartition(".")[0] for folder in {place, *sources} for n in filter(is_image, listing.names(folder))}
        free = (os.path.join(place, name) for name in names if name[: -len(suffix)] not in stems)
        found += [file for file in free if file not in known]
    return sorted(found)


def _far(bare: Sequence[str], root: str, suffix: str, ignored: Collection[str]) -> list[str]:
    """Return label files anywhere in the data set that have the name of an image without labels and are no other's."""
    wanted = {key(Path(image).stem) for image in bare}
    lacking = set(bare)
    files: list[tuple[str, PurePosixPath, str]] = []
    owners: dict[str, list[PurePosixPath]] = {}
    for name, path in files_below(root).items():
        place = PurePosixPath(name)
        if name.lower().endswith(suffix) and place.name not in ignored and (stem := key(place.stem)) in wanted:
            files.append((stem, place.parent, path))
        elif is_image(name) and (stem := key(place.stem)) in wanted and path not in lacking:
            owners.setdefault(stem, []).append(place.parent)
    return [path for stem, place, path in files if not any(_parallel(place, own) for own in owners.get(stem, ()))]


def _parallel(labels: PurePosixPath, images: PurePosixPath) -> bool:
    """Tell whether a folder may hold another's labels: `labels_2/train` and `images_2/train`, `x/labels` and `x`."""
    if images in (labels, labels.parent):
        return True
    mine, theirs = labels.parts, images.parts
    return len(mine) == len(theirs) and sum(a != b for a, b in zip(mine, theirs, strict=True)) == 1
