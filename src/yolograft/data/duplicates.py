"""Images that are nearly the same: twice in one split they count double, in two splits they make results worthless."""

import filecmp
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from yolograft.data.checks import Fault
from yolograft.data.scan import Scan

#: Images whose grey 32x32 thumbnails correlate so well are nearly the same. On photographs of one kind (blood smears)
#: different images stay below 0.66.
ALIKE = 0.95

#: A thumbnail whose grey values differ less than this (standard deviation, of 255) has nothing to compare.
_BLANK = 2.0

#: Thumbnails compared at once; bounds the memory.
_BLOCK = 2048

#: Of more pairs (COCO's train against val are 0.6e9, a minute on two cores) only equal thumbnails are looked for.
_MOST_PAIRS = 1_000_000_000

# A split: its images and what reading them found.
Split = tuple[Sequence[str], Scan]


def similar(one: np.ndarray, other: np.ndarray | None = None) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of images that are nearly the same, and their correlation.

    Args:
        one: Uint8 [n, 32, 32] thumbnails.
        other: [m, 32, 32], each compared with each of `one`; None compares `one` with itself, every pair once.
    """
    if len(one) * len(one if other is None else other) > _MOST_PAIRS:
        yield from _equal_thumbnails(one, other)
        return
    for first, second, alike in _correlations(one, other):
        for i, j in np.argwhere(alike >= ALIKE):
            yield int(first + i), int(second + j), float(alike[i, j])


def repeats(one: np.ndarray, other: np.ndarray | None = None) -> Iterator[tuple[int, int, float]]:
    """Yield, for each image that is nearly the same as another one, the one that it is most alike.

    Of a camera that does not move every image is alike every other: then these are as many as images, not as pairs.

    Args:
        one: Uint8 [n, 32, 32] thumbnails.
        other: [m, 32, 32], whose images are looked for in `one`; None looks for each image of `one` among those before.

    Yields:
        Index in `one`, index in `other` (in `one` where that is None), correlation.
    """
    sought = one if other is None else other
    if len(one) * len(sought) > _MOST_PAIRS:
        yield from _equal_thumbnails(one, other)
        return
    match, best = np.zeros(len(sought), np.int64), np.zeros(len(sought), np.float32)
    for first, second, alike in _correlations(one, other):
        found = alike.max(axis=0)
        part = slice(second, second + len(found))
        better = found > best[part]
        match[part][better] = first + alike.argmax(axis=0)[better]
        best[part][better] = found[better]
    for j in np.flatnonzero(best >= ALIKE):
        yield int(match[j]), int(j), float(best[j])


def within(images: Sequence[str], scan: Scan) -> list[Fault]:
    """Return the images of a split that repeat another one of it.

    Args:
        images: The split's images, as given to the scan.
        scan: What reading them found.
    """
    faults = []
    for i, j, alike in repeats(scan.thumbnails):
        first, again = images[scan.kept[i]], images[scan.kept[j]]
        how = "the same as" if _equal(first, again) else f"nearly the same ({alike:.3f}) as"
        faults.append(Fault(again, None, f"{how} {first}", "duplicate-image"))
    return faults


def across(splits: Mapping[str, Split]) -> list[Fault]:
    """Return the images of a split that an earlier split has, too.

    Args:
        splits: In the order train, val, test.
    """
    faults = []
    names = list(splits)
    for place, name in enumerate(names):
        for earlier in names[:place]:
            faults += _leaks(earlier, splits[earlier], name, splits[name])
    return faults


def groups(scan: Scan) -> np.ndarray:
    """Return for each image of a scan the smallest index among those that it is nearly the same as, itself included.

    Chains count: where a is like b and b like c, all three are one group.
    """
    count = scan.images
    if count * count > _MOST_PAIRS:
        linked = [np.array([pair[:2]]) for pair in _equal_thumbnails(scan.thumbnails, None)]
    else:
        linked = [
            np.argwhere(alike >= ALIKE) + np.array([first, second])
            for first, second, alike in _correlations(scan.thumbnails, None)
        ]
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *linked])
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, group = connected_components(graph, directed=False)
    _, first_of_group = np.unique(group, return_index=True)
    return np.asarray(first_of_group[group], np.int64)


def _leaks(earlier: str, one: Split, name: str, other: Split) -> list[Fault]:
    (images, scan), (images_too, scan_too) = one, other
    faults: dict[str, Fault] = {}
    for i, j, alike in repeats(scan.thumbnails, scan_too.thumbnails):
        first, again = images[scan.kept[i]], images_too[scan_too.kept[j]]
        if _equal(first, again):
            faults[again] = Fault(again, None, f"in {name}, but the same image is in {earlier}: {first}", "leak")
        else:
            near = f"in {name}, but nearly the same image ({alike:.3f}) is in {earlier}: {first}"
            faults.setdefault(again, Fault(again, None, near, "near-leak"))
    seen = {str(Path(file).resolve()): file for file in images}
    for file in images_too:  # an image without any detail has no thumbnail to compare, but it has a place
        if (first := seen.get(str(Path(file).resolve()))) is not None:
            faults.setdefault(file, Fault(file, None, f"in {name}, but also in {earlier}: {first}", "leak"))
    return list(faults.values())


def _correlations(one: np.ndarray, other: np.ndarray | None) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield blocks of correlations: the first row's and the first column's image, and the block.

    Without `other` only what is above the diagonal counts; the rest is 0.
    """
    others = one if other is None else other
    for first in range(0, len(one), _BLOCK):
        mine = _normalized(one[first : first + _BLOCK])
        for second in range(0 if other is not None else first, len(others), _BLOCK):
            block = mine @ _normalized(others[second : second + _BLOCK]).T
            yield first, second, np.triu(block, 1) if other is None and first == second else block


def _equal_thumbnails(one: np.ndarray, other: np.ndarray | None) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs with the very same thumbnail; of several equal ones in `one`, the first."""
    first: dict[bytes, int] = {}
    for i, thumbnail in enumerate(one):
        known = first.setdefault(thumbnail.tobytes(), i)
        if other is None and known != i:
            yield known, i, 1.0
    for j, thumbnail in enumerate(other if other is not None else ()):
        if (found := first.get(thumbnail.tobytes())) is not None:
            yield found, j, 1.0


def _normalized(thumbnails: np.ndarray) -> np.ndarray:
    """Return float32 [n, 1024] rows whose products are correlations; zeros where there is nothing to compare."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    blank = length < _BLANK * np.sqrt(flat.shape[1])
    return np.where(blank, 0, flat / np.where(blank, 1, length)).astype(np.float32)


def _equal(one: str, other: str) -> bool:
    """Tell whether two files hold the same bytes."""
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
