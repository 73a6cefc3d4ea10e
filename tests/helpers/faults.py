"""A data set with every fault that real data has, made by code: each image of it has one, and is named after it."""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

GOOD = b"0 0.5 0.5 0.4 0.4\n1 0.3 0.3 0.2 0.2\n"


def picture(seed: int) -> Image.Image:
    """A scene of its own, 64 x 48."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((64, 48), Image.Resampling.BICUBIC)


@dataclass(frozen=True)
class Sick:
    """One image with one fault.

    Attributes:
        name: of the image file.
        kind: of the fault that must be named; "" where nothing is wrong.
        line: at which it must be named.
        skipped: the image cannot be used.
        spoil: takes the image file and the label file, both good, and spoils them.
        label: where its label file ends up, relative to the data set; "" where it stays.
    """

    name: str
    kind: str
    line: int | None
    skipped: bool
    spoil: Callable[[Path, Path], object]
    label: str = ""

    @property
    def in_label(self) -> bool:
        """Whether it is the label file that must be named."""
        of_files = ("label-without-image", "matched-labels", "polygons", "turned-boxes")
        return self.line is not None or self.kind in of_files

    def place(self, root: Path) -> Path:
        """The file that must be named."""
        kept = root / ("labels" if self.in_label else "images") / "train" / self.name
        return root / self.label if self.label else kept.with_suffix(".txt") if self.in_label else kept


def _labels(row: bytes) -> Callable[[Path, Path], object]:
    return lambda image, label: label.write_bytes(GOOD + row + b"\n")


def _saved(kind: str, **options: object) -> Callable[[Path, Path], object]:
    def spoil(image: Path, label: Path) -> None:
        stream = io.BytesIO()
        Image.open(image).convert("RGB").save(stream, kind, **options)
        image.write_bytes(stream.getvalue())

    return spoil


def _mode(mode: str, kind: str) -> Callable[[Path, Path], object]:
    def spoil(image: Path, label: Path) -> None:
        stream = io.BytesIO()
        Image.open(image).convert("RGB").convert(mode).save(stream, kind)
        image.write_bytes(stream.getvalue())

    return spoil


def _mixed(image: Path, label: Path) -> None:
    label.write_bytes(b"0 0.1 0.1 0.5 0.1 0.3 0.4\n0 0.5 0.5 0.1 0.1\n")


def _whole_file(rows: bytes) -> Callable[[Path, Path], object]:
    return lambda image, label: label.write_bytes(rows)


def _renamed(name: str) -> Callable[[Path, Path], object]:
    return lambda image, label: label.rename(label.with_name(name))


def _cut(image: Path, label: Path) -> None:
    image.write_bytes(image.read_bytes()[:-200])


def _deep(image: Path, label: Path) -> None:
    pixels = np.asarray(Image.open(image).convert("RGB")).astype(np.uint16) * 257
    image.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def _turned(image: Path, label: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    _saved("JPEG", exif=exif)(image, label)


def _linked(image: Path, label: Path) -> None:
    target = image.with_name("linked target.bin")
    image.replace(target)
    os.symlink(target, image)  # noqa: PTH211


CORPUS = [
    Sick("class out of range.png", "class-range", 3, True, _labels(b"7 0.5 0.5 0.1 0.1")),
    Sick("outside.png", "outside", 3, True, _labels(b"0 1.2 0.5 0.1 0.1")),
    Sick("pixels.png", "pixels", 3, True, _labels(b"0 32 24 10 12")),
    Sick("no number.png", "number", 3, True, _labels(b"0 0.5 half 0.1 0.1")),
    Sick("not finite.png", "number", 3, True, _labels(b"0 nan 0.5 0.1 0.1")),
    Sick("decimal comma.png", "comma", 3, True, _labels(b"0 0,5 0,5 0,1 0,1")),
    Sick("columns.png", "columns", 3, True, _labels(b"0 0.5 0.5 0.1")),
    Sick("negative.png", "negative", 3, True, _labels(b"0 0.5 0.5 -0.1 0.1")),
    Sick("class is no whole number.png", "class", 3, True, _labels(b"0.5 0.5 0.5 0.1 0.1")),
    Sick("latin-1.png", "encoding", 3, True, _labels(b"0 0.5 0.5 0.1 0.1 \xe4")),
    Sick("polygons and boxes.png", "mixed", 2, True, _mixed),
    Sick("zero area.png", "zero-area", 3, False, _labels(b"0 0.5 0.5 0 0.1")),
    Sick("overhang.png", "overhang", 3, False, _labels(b"0 0.9 0.5 0.4 0.1")),
    Sick("duplicate row.png", "duplicate-row", 3, False, _labels(b"0 0.50 0.5 0.4 0.4")),
    Sick("byte-order mark.png", "bom", 1, False, lambda image, label: label.write_bytes(b"\xef\xbb\xbf" + GOOD)),
    Sick("windows.png", "crlf", 1, False, lambda image, label: label.write_bytes(GOOD.replace(b"\n", b"\r\n"))),
    Sick("without label.png", "", None, False, lambda image, label: label.unlink()),
    Sick("empty label.png", "", None, False, lambda image, label: label.write_bytes(b"")),
    Sick("without image.png", "label-without-image", None, False, lambda image, label: image.unlink()),
    Sick("truncated.jpg", "unreadable-image", None, True, _cut),
    Sick("empty image.png", "unreadable-image", None, True, lambda image, label: image.write_bytes(b"")),
    Sick("no image.jpg", "unreadable-image", None, True, lambda image, label: image.write_bytes(b"no image")),
    Sick(
        *("beside.png", "matched-labels", None, False),
        lambda image, label: label.rename(image.with_suffix(".txt")),
        "images/train/beside.txt",
    ),
    Sick(
        *("url encoded.png", "matched-labels", None, False),
        _renamed("url%20encoded.txt"),
        "labels/train/url%20encoded.txt",
    ),
    Sick(
        *("suffix kept.png", "matched-labels", None, False),
        _renamed("suffix kept.png.txt"),
        "labels/train/suffix kept.png.txt",
    ),
    Sick(
        *("letter case.png", "matched-labels", None, False),
        _renamed("Letter Case.TXT"),
        "labels/train/Letter Case.TXT",
    ),
    Sick("polygon.png", "polygons", None, False, _whole_file(b"0 0.1 0.1 0.5 0.1 0.3 0.4\n")),
    Sick("four corners.png", "turned-boxes", None, False, _whole_file(b"0 0.5 0.2 0.7 0.5 0.5 0.7 0.2 0.5\n")),
    Sick("pose.png", "pose", 1, True, _whole_file(b"0 0.5 0.5 0.2 0.2 0.5 0.5 2 0.45 0.5 0\n")),
    Sick("misnamed.jpg", "misnamed", None, False, _saved("PNG")),
    Sick("16 bit.png", "16-bit", None, False, _deep),
    Sick("grey.png", "grey", None, False, _mode("L", "PNG")),
    Sick("cmyk.jpg", "cmyk", None, False, _mode("CMYK", "JPEG")),
    Sick("palette.png", "palette", None, False, _mode("P", "PNG")),
    Sick("alpha.png", "alpha", None, False, _mode("RGBA", "PNG")),
    Sick("turned.jpg", "exif", None, False, _turned),
    Sick("with  two spaces.png", "", None, False, lambda image, label: None),
    Sick("血细胞 é.png", "", None, False, lambda image, label: None),
]
if os.name != "nt":  # Windows allows neither without ado
    CORPUS += [
        Sick("line\nbreak.png", "", None, False, lambda image, label: None),
        Sick(
            *("unicode \u00e9.png", "matched-labels", None, False),
            _renamed("unicode e\u0301.txt"),
            "labels/train/unicode e\u0301.txt",
        ),
        Sick("linked.png", "", None, False, _linked),
    ]


def write_corpus(root: Path, corpus: list[Sick]) -> Path:
    """Write the images of a corpus into a train split, four healthy ones into both; return the data.yaml."""
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for number in range(4):
            picture(1000 + number + 10 * (split == "val")).save(root / "images" / split / f"good {number}.png")
            (root / "labels" / split / f"good {number}.txt").write_bytes(GOOD)
    for seed, sick in enumerate(corpus):
        image = root / "images" / "train" / sick.name
        label = (root / "labels" / "train" / sick.name).with_suffix(".txt")
        picture(seed).save(image, quality=95)
        label.write_bytes(GOOD)
        sick.spoil(image, label)
    file = root / "data.yaml"
    file.write_text("train: images/train\nval: images/val\nnames: [a, b]\n")
    return file
