"""Images that are nearly the same: twice in one split they count double, in two splits they make results worthless."""

import filecmp
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from yolograft.data.checks import Fault
from yolograft.data.scan import Scan

#: Images whose grey 32x32 thumbnails correlate so well are nearly the same. On photographs of one kind (blood smears)
#: different images stay below 0.66.
ALIKE = 0.95

#: A thumbnail whose grey values differ less than this (standard deviation, of 255) has nothing to compare.
_BLANK = 2.0

#: Thumbnails compared at once; bounds the memory.
_BLOCK = 4096

#: Of more pairs (COCO's train against val are 0.6e9, a minute on two cores) only equal thumbnails are looked for.
_MOST_PAIRS = 1_000_000_000

# A split: its images and what reading them found.
Split = tuple[Sequence[str], Scan]


def similar(one: np.ndarray, other: np.ndarray | None = None) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of images that are nearly the same, and their correlation.

    Args:
        one: uint8 [n, 32, 32] thumbnails.
        other: [m, 32, 32], each compared with each of `one`; None compares `one` with itself, every pair once.
    """
    others = one if other is None else other
    if len(one) * len(others) > _MOST_PAIRS:
        yield from _equal_thumbnails(one, other)
        return
    for first in range(0, len(one), _BLOCK):
        mine = _normalized(one[first : first + _BLOCK])
        for second in range(0 if other is not None else first, len(others), _BLOCK):
            alike = mine @ _normalized(others[second : second + _BLOCK]).T
            for i, j in np.argwhere(alike >= ALIKE):
                if other is not None or first + i < second + j:
                    yield int(first + i), int(second + j), float(alike[i, j])


def within(images: Sequence[str], scan: Scan) -> list[Fault]:
    """Return the images of a split that repeat another one of it.

    Args:
        images: the split's images, as given to the scan.
        scan: what reading them found.
    """
    faults: dict[str, Fault] = {}
    for i, j, alike in similar(scan.thumbnails):
        first, again = images[scan.kept[i]], images[scan.kept[j]]
        how = "the same as" if _equal(first, again) else f"nearly the same ({alike:.3f}) as"
        faults.setdefault(again, Fault(again, None, f"{how} {first}", "duplicate-image"))
    return list(faults.values())


def across(splits: Mapping[str, Split]) -> list[Fault]:
    """Return the images of a split that an earlier split has, too.

    Args:
        splits: in the order train, val, test.
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
    leader = np.arange(scan.images)

    def find(index: int) -> int:
        while leader[index] != index:
            index = leader[index]
        return index

    for i, j, _ in similar(scan.thumbnails):
        low, high = sorted((find(i), find(j)))
        leader[high] = low
    return np.array([find(index) for index in range(scan.images)], np.int64)


def _leaks(earlier: str, one: Split, name: str, other: Split) -> list[Fault]:
    (images, scan), (images_too, scan_too) = one, other
    faults: dict[str, Fault] = {}
    for i, j, alike in similar(scan.thumbnails, scan_too.thumbnails):
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
