"""What a source of data gives, in a form that tests can compare."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from yolograft.data.listing import list_images, orphan_labels
from yolograft.data.scan import scan
from yolograft.data.spec import DataSpec


@dataclass
class Reading:
    """A split as it was read.

    Attributes:
        boxes: for each image that is used, by file name: class name, left, top, width, height in pixels.
        faults: kind and message, each with its file's name and line.
    """

    boxes: dict[str, list[tuple[str, float, float, float, float]]]
    faults: list[tuple[str, str]]


def read(spec: DataSpec, split: str = "train") -> Reading:
    """Read the labels of a split, and what belongs to no image of the data set."""
    images = list_images(spec, split)
    found = scan(images, spec.labels, spec.nc)
    labels = found.as_labels(images) if found.images else []
    boxes = {}
    for label, (height, width) in zip(labels, found.shapes, strict=True):
        centre, size = label["bboxes"][:, :2] * [width, height], label["bboxes"][:, 2:] * [width, height]
        rows = np.round(np.concatenate([centre - size / 2, size], axis=1).astype(float), 3).tolist()
        names = [spec.names[int(cls)] for cls in label["cls"][:, 0]]
        boxes[Path(label["im_file"]).name] = [(name, *row) for name, row in zip(names, rows, strict=True)]
    faults = [*found.faults, *orphan_labels(spec)]
    return Reading(boxes, [(fault.kind, str(fault).replace(str(Path(fault.file).parent), "…")) for fault in faults])


def write_image(file: Path, width: int = 40, height: int = 20) -> Path:
    """Make an image of noise."""
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(file.name)).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)
    return file
