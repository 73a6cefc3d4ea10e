"""A COCO JSON file: its images, categories and boxes as arrays, parsed once and then kept in the cache folder."""

import json
import logging
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from threading import Lock
from typing import Any

import numpy as np

from yolograft.common.errors import UserError
from yolograft.common.files import read_regular
from yolograft.data.checks import Fault, bounded
from yolograft.data.converted import Arrays, Converted

log = logging.getLogger(__name__)

#: Bytes of the largest COCO JSON; COCO itself has 0.5 GB, LVIS 1.1 GB.
MAX_BYTES = 2 * 2**30

#: Stands for an id that is not a whole number.
_NO_ID = np.iinfo(np.int64).min

#: What tools use as ids of images; 1.0 is 1.
_ID = (int, float, str)

#: A number that a tool has put in quotes, as `json.dumps(default=str)` does with decimals; no inf, nan or 1_000.
_NUMBER = re.compile(r"\s*[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,3})?\s*", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?\d{1,18}\s*", re.ASCII)

#: What `iscrowd` is as text where it says no.
_NOT_CROWD = ("", "0", "0.0", "false", "False")


class CocoFile:
    """What a COCO JSON file holds. Threads may share one.

    Attributes:
        file: Where it lies.
        names: `file_name` of each image.
        categories: By id: name and supercategory (None where it has none).
        used: Ids of the categories that have boxes.
    """

    def __init__(self, file: str) -> None:
        """Parse the file, or read what parsing it found before.

        Raises:
            UserError: It cannot be read or is not COCO JSON.
        """
        self.file = file
        self._arrays = Converted("coco", [file], lambda: _parse(file))
        head = json.loads(self._arrays["head"].tobytes())
        self.names: list[str] = head["names"]
        self.categories: dict[int, tuple[str, str | None]] = {
            id_: (name, above) for id_, name, above in head["categories"]
        }
        self.used: frozenset[int] = frozenset(head["used"])
        self._faults: dict[int, list[Fault]] = {}
        for index, message, kind in head["faults"]:
            self._faults.setdefault(index, []).append(Fault(file, None, message, kind))
        self._faults = {index: bounded(faults) for index, faults in self._faults.items()}
        if head["texts"]:
            message = f"such as {_short(head['texts'][0])!r}"
            self._faults.setdefault(-1, []).append(Fault(file, None, message, "text-number", head["texts"][1]))

    def size(self, index: int) -> tuple[float, float]:
        """Return width and height that the file states for an image; nan where it does not."""
        width, height = self._arrays["sizes"][index]
        return float(width), float(height)

    def boxes(self, index: int) -> Iterator[tuple[str, int, bool, tuple[float, float, float, float]]]:
        """Yield an image's boxes: what to call it, category id, whether it is a crowd, (left, top, width, height)."""
        first, last = self._arrays["first"][index : index + 2]
        for place in range(first, last):
            number = int(self._arrays["numbers"][place])
            where = f"annotation {number}" if number != _NO_ID else "an annotation without id"
            left, top, width, height = (float(value) for value in self._arrays["boxes"][place])
            category, crowd = int(self._arrays["category"][place]), bool(self._arrays["crowd"][place])
            yield f"{where} of {self.names[index]}", category, crowd, (left, top, width, height)

    def is_bare(self, index: int) -> bool:
        """Tell whether an image has no annotation, not even one that cannot be used."""
        return bool(self._arrays["first"][index] == self._arrays["first"][index + 1]) and index not in self._faults

    def faults(self, index: int = -1) -> list[Fault]:
        """Return what is wrong with an image's entries; of -1, with what belongs to no image."""
        return self._faults.get(index, [])


_lock = Lock()


def coco_file(file: str) -> CocoFile:
    """Return a COCO JSON file; the same object as long as the file does not change.

    Raises:
        UserError: It cannot be read or is not COCO JSON.
    """
    try:
        state = Path(file).stat()
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None
    with _lock:  # else two threads would parse it
        return _opened(file, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4)
def _opened(file: str, size: int, time: int) -> CocoFile:
    return CocoFile(file)


def _parse(file: str) -> Arrays:
    if (size := Path(file).stat().st_size // 1_000_000) > 50:
        log.info("%s: reading %d MB; the next run will not have to", file, size)
    document = _load(file)
    faults: list[tuple[int, str, str]] = []
    number = _Numbers()
    categories = _categories(file, document["categories"], number)
    names, sizes, place = _images(document["images"], number, faults)
    boxes = _boxes(document["annotations"], place, categories, names, number, faults)
    boxes.sort(key=lambda box: box[0])  # stable: the order of the file within an image
    counts = np.bincount(np.array([box[0] for box in boxes], np.int64), minlength=len(names))
    head = {
        "names": names,
        "categories": [[id_, *category] for id_, category in categories.items()],
        "used": sorted({box[2] for box in boxes}),
        "faults": faults,
        "texts": [number.first, number.texts] if number.texts else [],
    }
    return {
        "head": np.frombuffer(json.dumps(head).encode(), np.uint8),
        "sizes": np.array(sizes, np.float64).reshape(-1, 2),
        "first": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "numbers": np.array([box[1] for box in boxes], np.int64),
        "category": np.array([box[2] for box in boxes], np.int64),
        "crowd": np.array([box[3] for box in boxes], np.bool_),
        "boxes": np.array([box[4] for box in boxes], np.float64).reshape(-1, 4),
    }


def _load(file: str) -> dict[str, list[Any]]:
    """Return the three lists that make a file COCO."""
    try:
        # polygons and masks are most of the text and are not needed: dropped as soon as they are read
        document = json.loads(_text(file), object_hook=_without_segmentation)
    except json.JSONDecodeError as error:
        raise UserError(f"{file}:{error.lineno}: not JSON: {error.msg} (column {error.colno})") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # not text, a number of thousands of digits, nested too deeply
        raise UserError(f"{file}: not JSON that can be read: {error}") from None
    for key in ("images", "annotations", "categories"):
        if not isinstance(document, dict) or not isinstance(document.get(key), list):
            raise UserError(f"{file}: not COCO JSON: it lacks the list '{key}'")
    return dict(document)


def _text(file: str) -> str:
    """Return a file's text; its bytes, half a gigabyte for COCO, are not kept beside it."""
    raw = read_regular(file, MAX_BYTES)
    return raw.decode(json.detect_encoding(raw), "surrogatepass")


def _without_segmentation(entry: dict[str, Any]) -> dict[str, Any]:
    entry.pop("segmentation", None)
    return entry


class _Numbers:
    """Turns values into numbers, also those that a tool has written as text, and counts the latter.

    Attributes:
        texts: How many were text.
        first: The first of them.
    """

    def __init__(self) -> None:
        self.texts = 0
        self.first = ""

    def __call__(self, value: Any) -> float:
        """Return a value as a number; nan where it is none."""
        found = _number(value)
        if isinstance(value, str) and not math.isnan(found):
            self.note(value)
        return found

    def whole(self, value: Any) -> int | None:
        """Return a value as a whole number that an array can hold; None where it is none."""
        found = _whole(value)
        if isinstance(value, str) and found is not None:
            self.note(value)
        return found

    def note(self, text: str) -> None:
        """Count a number that is text."""
        self.first = self.first or text
        self.texts += 1


def _categories(file: str, entries: list[Any], number: _Numbers) -> dict[int, tuple[str, str | None]]:
    """Return name and supercategory by id, in ascending order of ids."""
    found: dict[int, tuple[str, str | None]] = {}
    for entry in entries:
        id_, name = (entry.get("id"), entry.get("name")) if isinstance(entry, dict) else (None, None)
        whole = number.whole(id_)
        if whole is None or name is None:
            raise UserError(f"{file}: a category needs a whole number as 'id' and a 'name', not {_short(entry)}")
        above = entry.get("supercategory")
        if found.setdefault(whole, (str(name), above if isinstance(above, str) else None))[0] != str(name):
            raise UserError(f"{file}: category {id_} is both {found[whole][0]!r} and {str(name)!r}")
    return dict(sorted(found.items()))


def _images(
    entries: list[Any], number: _Numbers, faults: list[tuple[int, str, str]]
) -> tuple[list[str], list[tuple[float, float]], "_Places"]:
    """Return names and sizes of the images, and the place of each by its id; note what is wrong with them."""
    names: list[str] = []
    sizes: list[tuple[float, float]] = []
    place: dict[Any, int] = {}
    for at, entry in enumerate(entries):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not _usable(name) or not isinstance(entry.get("id"), _ID):
            message = f"images[{at}] needs an 'id' and a 'file_name', and is {_short(entry)}; left out"
            faults.append((-1, message, "unreadable-image"))
            continue
        id_ = entry["id"]
        if id_ in place and names[place[id_]] == name:
            continue
        if id_ in place:
            other = names[place[id_]]
            message = f"image id {_short(id_)} stands for both {_short(other)} and {_short(name)}"
            faults += [(place[id_], message, "unreadable-labels"), (len(names), message, "unreadable-labels")]
        place.setdefault(id_, len(names))
        names.append(name)
        sizes.append((number(entry.get("width")), number(entry.get("height"))))
    return names, sizes, _Places(place)


class _Places:
    """Finds the place of an image by its id, also where the id is text in one list and a number in the other."""

    def __init__(self, by_id: Mapping[Any, int]) -> None:
        self._by_id = by_id
        self._by_value: dict[int | None, set[int]] = {}
        for id_, place in by_id.items():
            self._by_value.setdefault(_whole(id_), set()).add(place)

    def __call__(self, id_: Any, number: _Numbers) -> int | None:
        """Return the place; None where there is no such image, or it is not unique."""
        if not isinstance(id_, _ID):
            return None
        if id_ in self._by_id:
            return self._by_id[id_]
        value = _whole(id_)
        alike = self._by_value.get(value, set()) if value is not None else set()
        if len(alike) != 1:
            return None
        if isinstance(id_, str):
            number.whole(id_)
        else:
            number.note(str(id_))  # then it is text in the list of images
        return next(iter(alike))


# Place of the image, id, category, crowd, (left, top, width, height).
_Box = tuple[int, int, int, bool, tuple[float, ...]]


def _boxes(
    entries: list[Any],
    place: _Places,
    categories: Mapping[int, Any],
    names: list[str],
    number: _Numbers,
    faults: list[tuple[int, str, str]],
) -> list[_Box]:
    """Return the boxes that can be read; note what is wrong with the others."""
    found: list[_Box] = []
    for at, entry in enumerate(entries):
        if not isinstance(entry, dict):
            faults.append((-1, f"annotations[{at}] is {_short(entry)}", "label-without-image"))
            continue
        id_, image, category, box = (entry.get(key) for key in ("id", "image_id", "category_id", "bbox"))
        index = place(image, number)
        values = tuple(map(number, box)) if isinstance(box, list) else ()
        cls = number.whole(category)
        if (
            index is not None
            and cls is not None
            and cls in categories
            and len(values) == 4
            and all(map(math.isfinite, values))
        ):
            crowd = entry.get("iscrowd") not in (None, 0, False, *_NOT_CROWD)
            own = _whole(id_)  # only for messages
            found.append((index, _NO_ID if own is None else own, cls, crowd, values))
            continue
        where = f"annotation {_short(id_)}" if id_ is not None else f"annotations[{at}]"
        if index is None:
            message = f"{where}: image {_short(image)} is not among the file's images"
            faults.append((-1, message, "label-without-image"))
            continue
        where = f"{where} of {_short(names[index])}"
        if cls not in categories:
            message = f"{where}: category {_short(category)} is not among the file's categories"
            faults.append((index, message, "class-range"))
        elif len(values) != 4:
            message = f"{where}: its bbox is {_short(box)}, not [left, top, width, height]"
            faults.append((index, message, "columns"))
        else:
            faults.append((index, f"{where}: its bbox holds something else than numbers: {_short(box)}", "number"))
    return found


def _number(value: Any) -> float:
    """Return a value as a number; nan where it is none."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else math.nan
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return math.nan


def _whole(value: Any) -> int | None:
    """Return a value as a whole number that an array can hold; None where it is none."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)  # exact, whatever its length
    found = value if isinstance(value, int) and not isinstance(value, bool) else _number(value)
    return int(found) if abs(found) < 2**62 and found == int(found) else None


def _usable(name: str) -> bool:
    """Tell whether a file can have this name."""
    try:
        name.encode()
    except UnicodeEncodeError:  # half a character
        return False
    return "\0" not in name and PureWindowsPath(name).name != ""


def _short(value: Any, limit: int = 60) -> str:
    """Return a value as JSON has it, shortened to fit a message."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= limit else text[:limit] + "…"
