"""Which label file belongs to which image: by its path, else by what its name and its place can only mean."""

import os
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from yolograft.data.places import folders_in, is_image


class Listing:
    """The names in folders, each folder read once: a question for each of 100000 files would take seconds."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def names(self, folder: str) -> frozenset[str]:
        """Return the names in a folder; none where it cannot be read."""
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(os.listdir(folder or "."))
            except (OSError, ValueError):  # not there, or a name that no folder can have
                self._names[folder] = frozenset()
        return self._names[folder]

    def has(self, file: str) -> bool:
        """Tell whether a file of exactly this name is there."""
        folder, name = os.path.split(file)
        return name in self.names(folder)


def key(name: str) -> str:
    """Return what is left of a name when letter case, Unicode normal form and URL encoding do not matter."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", unquote(name)).casefold())


def pair(
    images: Sequence[str],
    expected: Sequence[str],
    elsewhere: Callable[[str], Iterable[str]],
    suffix: str,
    *,
    ignored: Collection[str] = (),
    claimed: Callable[[], Collection[str]] = tuple,
) -> list[str]:
    """Return the label file of each image.

    Args:
        images: The images.
        expected: Where the form of the data set has their labels; "" where there can be none.
        elsewhere: Returns, for a folder of images, other folders that may hold its labels, the likeliest first.
        suffix: Of label files, with the point, in small letters.
        ignored: Names of files that are no labels.
        claimed: Names without suffix of images in other folders whose labels may lie in the same ones.

    Returns:
        The expected file if it is there. Else a file of that name in another of the folders. Else the only one that has
        the image's name in another letter case, Unicode normal form or URL encoding, or with the image's own suffix
        kept, and that is no other image's, if this is the only such image. Else the expected one, which is not there.
    """
    listing, found = Listing(), list(expected)
    missing: dict[str, list[int]] = {}
    for index, file in enumerate(expected):
        if file and not listing.has(file):
            missing.setdefault(os.path.dirname(images[index]), []).append(index)
    for folder, indices in missing.items():
        wanted: dict[str, list[int]] = {}  # several where two splits have an image
        for index in indices:
            wanted.setdefault(os.path.basename(images[index]), []).append(index)
        places = dict.fromkeys([*(os.path.dirname(expected[index]) for index in indices), *elsewhere(folder)])
        there = [place for place in places if listing.names(place)]
        for name, file in _paired(folder, set(wanted), there, listing, suffix, ignored, claimed).items():
            for index in wanted.get(name, ()):
                found[index] = file
    return found


def _paired(
    folder: str,
    wanted: set[str],
    places: Sequence[str],
    listing: Listing,
    suffix: str,
    ignored: Collection[str],
    claimed: Callable[[], Collection[str]],
) -> dict[str, str]:
    """Return the label files of a folder's images by name. All its images take part, whichever are asked for."""
    stems = {name: name.rpartition(".")[0] for name in {*filter(is_image, listing.names(folder)), *wanted}}
    found = {
        name: os.path.join(place, stem + suffix)
        for name, stem in stems.items()
        for place in reversed(places)  # the first one is set last
        if stem + suffix in listing.names(place) and stem + suffix not in ignored
    }
    if wanted <= found.keys() or not places:
        return found
    owned = {*stems.values(), *claimed()}
    for place in places:
        free = {
            name[: -len(suffix)]: name
            for name in sorted(listing.names(place))
            if name.lower().endswith(suffix)
            and name not in ignored
            and not (name.endswith(suffix) and name[: -len(suffix)] in owned)
        }
        for names in ({name: name for name in stems}, stems):  # a.jpg.txt before A.txt
            alike: dict[str, tuple[list[str], list[str]]] = {}
            for name in sorted(stems.keys() - found.keys()):
                alike.setdefault(key(names[name]), ([], []))[0].append(name)
            for stem in free:
                alike.setdefault(key(stem), ([], []))[1].append(stem)
            for mine, theirs in alike.values():
                if len(mine) == len(theirs) == 1:
                    found[mine[0]] = os.path.join(place, free.pop(theirs[0]))
    return found


def labels_folders(folder: str) -> list[str]:
    """Return the folders that ultralytics' rule would name if letter case did not matter: `Images/a` to `labels/a`."""
    parts = Path(folder).parts
    at = next((index for index in range(len(parts) - 1, 0, -1) if parts[index].casefold() == "images"), None)
    if at is None:
        return []
    found = [place for place in folders_in(Path(*parts[:at])) if place.name.casefold() == "labels"]
    for part in parts[at + 1 :]:
        inside = {place: folders_in(place) for place in found}
        exact = [place / part for place in found if place / part in inside[place]]
        found = exact or [next_ for some in inside.values() for next_ in some if key(next_.name) == key(part)]
    return [str(place) for place in found]
