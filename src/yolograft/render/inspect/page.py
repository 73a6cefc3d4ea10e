"""The page about a data set: one file that holds all it shows, and the files beside it."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.figures import freeze, own_style
from yolograft.common.files import atomic_write, read_text
from yolograft.common.parsing import parse_json
from yolograft.common.text import plain
from yolograft.common.version import __version__
from yolograft.data.checks import KINDS, Fault
from yolograft.data.duplicates import ALIKE
from yolograft.data.inspect.reading import Reading
from yolograft.data.inspect.samples import Picture, faulty, pairs, samples
from yolograft.data.inspect.statistics import FINEST, centres, histograms
from yolograft.render.inspect.figures import centres_png, even_ticks, histogram_picture
from yolograft.render.inspect.sheet import sheet
from yolograft.render.pages.colours import palette
from yolograft.render.pages.template import data_address, render_page
from yolograft.render.pictures.files import to_svg
from yolograft.render.pictures.inline import to_inline

#: Faults of one kind that the page lists; data.json has all of them.
LISTED = 500


def write(reading: Reading, numbers: Mapping[str, Any], out: Path) -> tuple[Path, list[str]]:
    """Write data.html, data.json and samples.png into a folder named after the data set.

    Args:
        reading: The data set as it was found.
        numbers: What `describe` made of it.
        out: The folder that holds such folders.

    Returns:
        The page, and the class names that samples.png could not show.

    Raises:
        UserError: The files cannot be written.
    """
    pictures = samples(reading)
    image, missing = sheet(pictures, reading.spec.names) if pictures else (None, [])
    files = {"data.json": to_json(numbers).encode(), "data.html": page(reading, numbers, pictures)}
    if image is not None:
        files["samples.png"] = image
    try:
        folder = folder_of(numbers, out)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            atomic_write(folder / name, content)
    except OSError as error:
        raise UserError(f"out={out}: cannot be written to: {error.strerror or error}") from None
    return folder / "data.html", missing


def to_json(numbers: Mapping[str, Any]) -> str:
    """Return the numbers as one JSON document; letters beyond ASCII escaped, since file names may not be Unicode."""
    return json.dumps(numbers, indent=1, allow_nan=False) + "\n"


def folder_of(numbers: Mapping[str, Any], out: Path) -> Path:
    """Return the data set's folder: its name, and where another data set has that already, a hash of its place."""
    name = "".join(c if c.isalnum() or c in "._-=+" else "-" for c in numbers["dataset"])[:80].strip(".") or "data"
    folder = out / name
    try:
        other = parse_json(read_text(folder / "data.json"))["root"] != numbers["root"]
    except (OSError, ValueError, KeyError, TypeError):
        other = False
    return out / f"{name}-{hashlib.sha256(numbers['root'].encode()).hexdigest()[:6]}" if other else folder


def page(reading: Reading, numbers: Mapping[str, Any], pictures: list[Picture]) -> bytes:
    """Return the page; it needs nothing but itself.

    Args:
        reading: The data set as it was found.
        numbers: What `describe` made of it.
        pictures: The samples.
    """
    root = Path(reading.spec.root)
    return render_page(
        Path(__file__).parent / "page.html.j2",
        {"number": lambda n: f"{n:,}", "share": _share, "short": _short},
        numbers=numbers,
        spec=reading.spec,
        splits=numbers["splits"],
        classes=_classes(numbers["splits"]),
        charts=_charts(reading, numbers["imgsz"]),
        heat=centres_png(centres([scan for _, scan in reading.splits.values()])),
        kinds=_kinds(reading, root),
        listed=LISTED,
        samples=pictures,
        pairs=pairs(reading),
        faulty=faulty(reading),
        colours=palette(reading.spec.nc),
        jpeg=lambda picture: data_address(picture.jpeg, "jpeg"),
        where=lambda file: plain(_below(file, root)),
        alike=ALIKE,
        finest=FINEST,
        version=__version__,
    )


def _classes(splits: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the classes with their boxes and images in each split, and how long a split's bar is."""
    shares = {
        name: [kind["boxes"] / max(split["boxes"], 1) for kind in split["classes"]] for name, split in splits.items()
    }
    longest = max((max(share, default=0) for share in shares.values()), default=0) or 1
    columns = [split["classes"] for split in splits.values()]
    return [
        {
            "name": kinds[0]["name"],
            "class": kinds[0]["class"],
            "splits": [
                {**kind, "share": share[i], "bar": 100 * share[i] / longest}
                for kind, share in zip(kinds, shares.values(), strict=True)
            ],
        }
        for i, kinds in enumerate(zip(*columns, strict=True))
    ]


def _charts(reading: Reading, imgsz: int) -> list[dict[str, str]]:
    """Return the histograms as inline SVG with their titles."""
    found = histograms({name: scan for name, (_, scan) in reading.splits.items()}, imgsz)
    per_image, side, ratio = found["boxes_per_image"], found["box_side"], found["aspect_ratio"]
    sides = {float(2**n): str(2**n) for n in range(2, 14) if 2**n <= side.edges[-1]}
    ratios = {1 / 8: "1:8", 1 / 4: "1:4", 1 / 2: "1:2", 1.0: "1:1", 2.0: "2:1", 4.0: "4:1", 8.0: "8:1"}
    limits = {32.0: "medium", 96.0: "large"}
    marks = {limit: word for limit, word in limits.items() if limit < side.edges[-1]}
    with own_style():
        pictures = {
            "Box sizes": histogram_picture(
                "sizes",
                side,
                f"Histogram of box sizes by split: square root of the area at imgsz={imgsz}",
                f"√area, pixels at imgsz={imgsz}",
                sides,
                marks,
                logarithmic=True,
            ),
            "Boxes per image": histogram_picture(
                "counts",
                per_image,
                "Histogram of boxes per image by split",
                "boxes in an image",
                even_ticks(per_image.edges),
                unit="images",
            ),
            "Aspect ratios": histogram_picture(
                "ratios",
                ratio,
                "Histogram of the boxes' aspect ratios by split, width to height",
                "width : height of a box",
                ratios,
                logarithmic=True,
            ),
        }
        for picture in pictures.values():
            freeze(picture.figure)
    return [{"title": title, "svg": to_inline(picture, to_svg(picture))} for title, picture in pictures.items()]


def _kinds(reading: Reading, root: Path) -> list[dict[str, Any]]:
    """Return the faults by kind, in the order of `KINDS`; of a kind the first ones are listed."""
    by_kind: dict[str, list[tuple[str, Fault]]] = {}
    for split, fault in reading.faults:
        by_kind.setdefault(fault.kind, []).append((split, fault))
    return [
        {
            "kind": kind,
            "severity": KINDS[kind][0],
            "meaning": KINDS[kind][1],
            "count": sum(fault.count for _, fault in found),
            "files": len(found),
            "faults": [
                {
                    "split": split,
                    "place": plain(_below(fault.file, root)) + (f":{fault.line}" if fault.line else ""),
                    "message": plain(fault.message.replace(str(root) + os.sep, "")),
                    "more": fault.count - 1,
                }
                for split, fault in found[:LISTED]
            ],
        }
        for kind, found in by_kind.items()
    ]


def _below(file: str, root: Path) -> str:
    """Return a file's path below the data set's folder, or all of it where it lies elsewhere."""
    try:
        return Path(file).relative_to(root).as_posix()
    except ValueError:
        return file


def _share(part: float) -> str:
    """Return a share of 1 as a percentage; what is there is never 0 %."""
    return "0%" if not part else "<0.1%" if part < 0.001 else f"{part:.1%}"


def _short(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
