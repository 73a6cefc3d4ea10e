"""What can be wrong with a data set, and what that does to a training."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from yolograft.errors import UserError

Check = Literal["strict", "warn", "off"]

#: `falsifies`: results on such data mean something else than they seem to; `counted`: said and counted, the training
#: goes on; `noted`: harmless, shown by `yolograft data` and counted in run.json.
Effect = Literal["falsifies", "counted", "noted"]

KINDS: dict[str, tuple[Effect, str]] = {
    # labels that cannot be meant so: the image is left out
    "class-range": ("falsifies", "class that the data set does not have"),
    "class": ("falsifies", "class that is not a whole number"),
    "number": ("falsifies", "text where a number belongs"),
    "comma": ("falsifies", "decimals written with a comma"),
    "columns": ("falsifies", "wrong number of columns"),
    "mixed": ("falsifies", "boxes and polygons in one file"),
    "negative": ("falsifies", "negative width or height"),
    "pixels": ("falsifies", "coordinates in pixels instead of fractions"),
    "outside": ("falsifies", "coordinates outside the image"),
    "encoding": ("falsifies", "label file that is not UTF-8 text"),
    "unreadable-labels": ("falsifies", "label file that cannot be read"),
    "unlike-image": ("falsifies", "annotations made for an image of another shape"),
    "missing-image": ("falsifies", "listed image that does not exist"),
    # the splits
    "leak": ("falsifies", "the same image in two splits"),
    "no-boxes": ("falsifies", "nothing labelled in a split"),
    "near-leak": ("counted", "nearly the same image in two splits"),
    "duplicate-image": ("counted", "the same image twice in one split"),
    # images and labels that are used as far as they can be
    "unreadable-image": ("counted", "image that does not decode: left out"),
    "range": ("counted", "image of more than 8 bits that is loaded nearly black"),
    "zero-area": ("counted", "box without area"),
    "overhang": ("counted", "box that reaches outside the image"),
    "duplicate-row": ("counted", "box written twice: used once"),
    "label-without-image": ("counted", "label file that belongs to no image"),
    # peculiarities
    "ignored": ("noted", "object marked as crowd, difficult or to be ignored: left out"),
    "polygon": ("noted", "polygon or circle read as the box around it"),
    "misnamed": ("noted", "image whose suffix names another format"),
    "16-bit": ("noted", "image with 16 bits per channel"),
    "grey": ("noted", "grey image"),
    "cmyk": ("noted", "CMYK image"),
    "palette": ("noted", "image with a palette"),
    "alpha": ("noted", "image with an alpha channel"),
    "exif": ("noted", "image that is turned by its EXIF orientation"),
    "bom": ("noted", "label file with a byte-order mark"),
    "crlf": ("noted", "label file with Windows line ends"),
}


@dataclass(frozen=True)
class Fault:
    """Something wrong or unusual with a file of a data set.

    Attributes:
        file: path of the image or label file concerned.
        line: its line, counted from 1; None where the whole file is meant.
        message: what is wrong.
        kind: a word of `KINDS`.
        count: how often it occurs in this file; `line` is the first.
    """

    file: str
    line: int | None
    message: str
    kind: str
    count: int = 1

    @property
    def effect(self) -> Effect:
        """What it does to results."""
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
    """Return the faults with those first that falsify results, and without what is only worth a note."""
    order = {"falsifies": 0, "counted": 1}
    return sorted((fault for fault in faults if fault.effect in order), key=lambda fault: order[fault.effect])


def summary_lines(faults: Sequence[Fault], limit: int = 5) -> list[str]:
    """Return the gravest faults, one per line, and a last line that counts the rest.

    Args:
        faults: what was found.
        limit: how many to show.
    """
    shown = by_weight(faults)
    lines = [str(fault) for fault in shown[:limit]]
    if len(shown) > limit:
        counted = ", ".join(f"{count} {kind}" for kind, count in kinds(shown).items())
        lines.append(f"… in all: {counted} (`yolograft data` lists every one)")
    return lines


def enforce(check: Check, faults: Sequence[Fault]) -> None:
    """Stop where results would be falsified.

    Args:
        check: `strict` stops, `warn` and `off` do not.
        faults: what was found.

    Raises:
        UserError: naming the first such fault and counting the others.
    """
    grave = [fault for fault in faults if fault.effect == "falsifies"]
    if check != "strict" or not grave:
        return
    rest = kinds(grave[1:])
    more = "; also " + ", ".join(f"{count} {kind}" for kind, count in rest.items()) if rest else ""
    raise UserError(
        f"{grave[0]}{more}. This would falsify the results: mend it (`yolograft data` lists every fault), "
        "or train all the same with dataset.check=warn"
    )
