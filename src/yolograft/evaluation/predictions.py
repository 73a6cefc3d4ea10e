"""What a finished run keeps of what its best weights find, so that variants can be put side by side later."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from yolograft.common.files import atomic_write
from yolograft.evaluation.pictures import CONFIDENCE
from yolograft.upstream.confusion import Confusion, labelled_boxes, shares_of_original

FILE = "predictions.json"

#: Images whose boxes are kept, and boxes of an image, the surest ones.
IMAGES, BOXES = 12, 100


class Predictions:
    """Keeps the boxes of a dozen validation images and counts what was taken for what; called with each batch.

    The images are chosen by the hash of their names: the same ones in every run on one data set.

    Args:
        files: The split's images.
        names: Class names by number.
    """

    def __init__(self, files: Sequence[str], names: Mapping[int, str]) -> None:
        self._names = [names[number] for number in sorted(names)]
        self._chosen = sorted(files, key=lambda file: (_hash(Path(file).name), file))[:IMAGES]
        self._confusion = Confusion(names, CONFIDENCE)
        self._images: dict[str, dict[str, Any]] = {}

    def __call__(self, batch: Mapping[str, Any], boxes: list[dict[str, torch.Tensor]]) -> None:
        """Take in a batch.

        Args:
            batch: As the validator has prepared it.
            boxes: For each image `bboxes` [M, 4] (corners, pixels), `conf` [M] (falling), `cls` [M].
        """
        for index, found in enumerate(boxes):
            labelled = labelled_boxes(batch, index)
            self._confusion.update(found, labelled)
            file = batch["im_file"][index]
            if file in self._chosen:
                sure = {key: value[found["conf"] >= CONFIDENCE][:BOXES] for key, value in found.items()}
                self._images[file] = {
                    "file": str(Path(file).absolute()),
                    "labelled": _rows(labelled, batch, index),
                    "found": _rows(sure, batch, index),
                }

    def save(self, folder: Path) -> None:
        """Write `predictions.json`; boxes are shares of the image: class, left, top, right, bottom, confidence."""
        content = {
            "names": self._names,
            "confidence": CONFIDENCE,
            "confusion": self._confusion.counts,
            "images": [self._images[file] for file in self._chosen if file in self._images],
        }
        atomic_write(folder / FILE, json.dumps(content, separators=(",", ":")).encode())


def _rows(boxes: Mapping[str, torch.Tensor], batch: Mapping[str, Any], index: int) -> list[list[float]]:
    corners = shares_of_original(boxes["bboxes"], batch, index).clamp(0, 1)
    columns = [boxes["cls"].view(-1, 1), corners, *([boxes["conf"].view(-1, 1)] if "conf" in boxes else [])]
    rows = torch.cat([column.float() for column in columns], 1).tolist()
    return [[int(label), *(round(value, 4) for value in rest)] for label, *rest in rows]


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
