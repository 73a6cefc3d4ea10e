"""Everything that is read of a data set: its splits' images and labels, and all that is wrong with them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from yolograft.common.errors import UserError
from yolograft.data.checks import KINDS, Fault
from yolograft.data.duplicates import across, within
from yolograft.data.listing import list_images, list_notes, orphan_labels
from yolograft.data.scan import PROGRESS_FROM, Scan, scan_split
from yolograft.data.spec import DataSpec

SPLITS = ("train", "val", "test")


@dataclass
class Reading:
    """A data set as it was found.

    Attributes:
        spec: The data set.
        splits: By name, the images of each split that can be read and what reading their labels found.
        errors: By name, why a split cannot be read at all.
        faults: What is wrong, each with the split that it is in; "" where it is between splits or in none.
        notes: What was done about lists of images that a person may not expect, in sentences.
    """

    spec: DataSpec
    splits: dict[str, tuple[list[str], Scan]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def has_errors(self) -> bool:
        """Whether results on this data would be wrong."""
        return bool(self.errors) or any(fault.severity == "error" for _, fault in self.faults)


def read(spec: DataSpec, say: Callable[[str], None] = lambda _: None) -> Reading:
    """Read a data set, whatever is wrong with it.

    Args:
        spec: The data set.
        say: Told what is done next where that may take a while.
    """
    reading = Reading(spec)
    for name in SPLITS:
        if getattr(spec, name) and not (name == "test" and spec.test == spec.val):  # one set of images, two names
            try:
                _read_split(reading, name)
            except (UserError, OSError) as error:
                reading.errors[name] = str(error)
    total = sum(found.images for _, found in reading.splits.values())
    if total >= PROGRESS_FROM:
        say(f"comparing {total:,} images with each other")
    for name, (images, found) in reading.splits.items():
        reading.faults += [(name, fault) for fault in within(images, found)]
    between = across(reading.splits)
    if not reading.errors:  # the labels of a split that is not known would seem to belong to no image
        between += orphan_labels(spec)
        reading.notes = list_notes(spec)
    reading.faults += [("", fault) for fault in between]
    order = list(KINDS)
    reading.faults.sort(key=lambda item: order.index(item[1].kind))
    return reading


def _read_split(reading: Reading, name: str) -> None:
    spec = reading.spec
    images = list_images(spec, name)
    found = scan_split(spec, name, images)
    reading.splits[name] = images, found
    faults = list(found.faults)
    if not found.boxes:
        message = f"{name}: no labelled object in {found.images} images that can be used"
        faults.append(Fault(spec.root, None, message, "no-boxes"))
    reading.faults += [(name, fault) for fault in faults]
