"""The faults that a data set can have, and how grave each kind is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from yolograft.common.errors import UserError

Check = Literal["strict", "warn", "off"]

Severity = Literal["error", "warning", "converted", "info"]
"""`error`: results on such data would be wrong; stops a training unless `dataset.check` says otherwise. `warning`:
reported, the training goes on. `converted`: read in another way than written, or left out by a rule; reported in one
line per kind. `info`: harmless, shown by `yolograft data` and counted in run.json.
"""

KINDS: dict[str, tuple[Severity, str]] = {
    # labels that cannot be meant so: the image is left out
    "class-range": ("error", "class that the data set does not have"),
    "class": ("error", "class that is not a whole number"),
    "number": ("error", "text where a number belongs"),
    "comma": ("error", "decimals written with a comma"),
    "columns": ("error", "wrong number of columns"),
    "mixed": ("error", "boxes and polygons in one file"),
    "negative": ("error", "negative width or height"),
    "pixels": ("error", "coordinates in pixels instead of fractions"),
    "outside": ("error", "coordinates outside the image"),
    "encoding": ("error", "label file that is not UTF-8 text"),
    "unreadable-labels": ("error", "label file that cannot be read"),
    "unlike-image": ("error", "annotations made for an image of another shape"),
    "pose": ("error", "rows that may be pose labels: box and key points"),
    "orphan-labels": ("error", "labels that fit no image, while an image has none"),
    "missing-image": ("error", "listed image that does not exist"),
    # the splits
    "leak": ("error", "the same image in two splits"),
    "no-boxes": ("error", "nothing labelled in a split"),
    "near-leak": ("warning", "nearly the same image in two splits"),
    "duplicate-image": ("warning", "the same image twice in one split"),
    # images and labels that are used as far as they can be
    "unreadable-image": ("warning", "image that does not decode: left out"),
    "range": ("warning", "image of more than 8 bits that is loaded nearly black"),
    "zero-area": ("warning", "box without area"),
    "overhang": ("warning", "box that reaches outside the image"),
    "duplicate-row": ("warning", "box written twice: used once"),
    "label-without-image": ("warning", "label file that belongs to no image"),
    "corner-at-0": ("warning", "corner at 0 though corners are counted from 1"),
    "many-ignored": ("warning", "many objects of a split are left out for their marks"),
    "alike-classes": ("warning", "classes whose names differ by letter case or spaces only"),
    # what is done with labels that are written otherwise
    "matched-labels": ("converted", "label file found for its image in another place or by a name written otherwise"),
    "key-points": ("converted", "pose labels: the box is used, key points are left out"),
    "turned-boxes": ("converted", "rows of four corners (OBB): their upright bounds are used"),
    "polygons": ("converted", "polygons: their bounds are used as boxes"),
    "text-number": ("converted", "number written as text: read as a number"),
    "fractions": ("converted", "corners with fractions: read as edges counted from 0"),
    "ignored": ("converted", "object marked as crowd, difficult or to be ignored: left out"),
    # peculiarities
    "misnamed": ("info", "image whose suffix names another format"),
    "16-bit": ("info", "image with 16 bits per channel"),
    "grey": ("info", "grey image"),
    "cmyk": ("info", "CMYK image"),
    "palette": ("info", "image with a palette"),
    "alpha": ("info", "image with an alpha channel"),
    "exif": ("info", "image that is turned by its EXIF orientation"),
    "bom": ("info", "label file with a byte-order mark"),
    "crlf": ("info", "label file with Windows line ends"),
}


@dataclass(frozen=True)
class Fault:
    """A fault or a peculiarity of a file of a data set.

    Attributes:
        file: Path of the image or label file concerned.
        line: Its line, counted from 1; None where the whole file is meant.
        message: What is wrong.
        kind: A word of `KINDS`.
        count: How often it occurs in this file; `line` is the first.
    """

    file: str
    line: int | None
    message: str
    kind: str
    count: int = 1

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return KINDS[self.kind][0]

    def __str__(self) -> str:
        """Return `file:line: message`, the form that editors can follow."""
        place = "".join(c if c.isprintable() else repr(c)[1:-1] for c in self.file)  # a name may hold a line break
        others = self.count - 1
        more = f" (and {others} more like it)" if others else ""
        return f"{place}: {self.message}{more}" if self.line is None else f"{place}:{self.line}: {self.message}{more}"


def kinds(faults: Iterable[Fault]) -> dict[str, int]:
    """Return how often each kind occurs, in the order of `KINDS`."""
    found: Counter[str] = Counter()
    for fault in faults:
        found[fault.kind] += fault.count
    return {kind: found[kind] for kind in KINDS if found[kind]}


def by_weight(faults: Iterable[Fault]) -> list[Fault]:
    """Return the errors and then the warnings."""
    order = {"error": 0, "warning": 1}
    return sorted((fault for fault in faults if fault.severity in order), key=lambda fault: order[fault.severity])


def merged(faults: Iterable[Fault]) -> list[Fault]:
    """Join faults that say the same of many files, such as that their rows are polygons: the first one counts them all.

    Those of images stay: each is shown.
    """
    found: dict[object, Fault] = {}
    for fault in faults:
        same = fault.severity == "converted" or fault.kind == "corner-at-0"
        place = (fault.kind, fault.message) if same else len(found)
        before = found.get(place)
        found[place] = replace(before, count=before.count + fault.count) if before else fault
    return list(found.values())


def bounded(faults: Iterable[Fault], limit: int = 20) -> list[Fault]:
    """Return at most so many faults of each kind; the last of them counts those that follow."""
    found: list[Fault] = []
    places: dict[str, list[int]] = {}
    for fault in faults:
        mine = places.setdefault(fault.kind, [])
        if len(mine) < limit:
            mine.append(len(found))
            found.append(fault)
        else:
            last = found[mine[-1]]
            found[mine[-1]] = replace(last, count=last.count + fault.count)
    return found


def conversions(faults: Iterable[Fault]) -> list[str]:
    """Return one line for each kind of conversion: what was done, how often, and where first."""
    first: dict[str, Fault] = {}
    counts = kinds(faults := list(faults))
    for fault in faults:
        if fault.severity == "converted":
            first.setdefault(fault.kind, fault)
    return [f"{KINDS[kind][1]}: {counts[kind]}, first {replace(fault, count=1)}" for kind, fault in first.items()]


def summary_lines(faults: Sequence[Fault], limit: int = 5) -> list[str]:
    """Return the gravest faults, one per line, and a last line with the counts of the rest.

    Args:
        faults: What was found.
        limit: How many to show.
    """
    shown = by_weight(faults)
    lines = [str(fault) for fault in shown[:limit]]
    if len(shown) > limit:
        counted = ", ".join(f"{count} {kind}" for kind, count in kinds(shown).items())
        lines.append(f"… in all: {counted} (`yolograft data` lists every one)")
    return lines


def enforce(check: Check, faults: Sequence[Fault]) -> None:
    """Stop at errors.

    Args:
        check: `strict` stops, `warn` and `off` do not.
        faults: What was found.

    Raises:
        UserError: It names the first error and counts the others.
    """
    errors = [fault for fault in faults if fault.severity == "error"]
    if check != "strict" or not errors:
        return
    rest = kinds(errors[1:])
    more = "; also " + ", ".join(f"{count} {kind}" for kind, count in rest.items()) if rest else ""
    raise UserError(
        f"{errors[0]}{more}. Results on such data would be wrong: fix it (`yolograft data` lists every "
        "fault), or train anyway with dataset.check=warn"
    )
