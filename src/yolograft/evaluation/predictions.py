"""Collects what a run keeps of what its best weights find, so that variants can be put side by side later."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from yolograft.evaluation.boxes import plain_boxes
from yolograft.runs.predictions import CONFIDENCE, Box, PredictedImage, Predictions
from yolograft.upstream.confusion import Confusion, labelled_boxes, shares_of_original

IMAGES, BOXES = 12, 100
"""Images whose boxes are kept, and boxes of an image, the surest ones."""


class PredictionCollector:
    """Takes the boxes of a dozen validation images and counts what is taken for what; called with each batch.

    The images are chosen by the hash of their names: the same ones in every run on one data set.

    Args:
        files: The split's images.
        names: Class names by number.
    """

    def __init__(self, files: Sequence[str], names: Mapping[int, str]) -> None:
        self._names = tuple(names[number] for number in sorted(names))
        self._chosen = sorted(files, key=lambda file: (_hash(Path(file).name), file))[:IMAGES]
        self._confusion = Confusion(names, CONFIDENCE)
        self._images: dict[str, PredictedImage] = {}

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
                self._images[file] = PredictedImage(
                    file=str(Path(file).absolute()),
                    labelled=_placed(labelled, batch, index),
                    found=_placed(sure, batch, index),
                )

    def result(self) -> Predictions:
        """Return what was collected; an image that has not come is left out."""
        return Predictions(
            names=self._names,
            images=tuple(self._images[file] for file in self._chosen if file in self._images),
            confidence=CONFIDENCE,
            confusion=tuple(map(tuple, self._confusion.counts)),
        )


def _placed(boxes: Mapping[str, torch.Tensor], batch: Mapping[str, Any], index: int) -> tuple[Box, ...]:
    corners = shares_of_original(boxes["bboxes"], batch, index)
    return tuple(plain_boxes(boxes["cls"].view(-1), corners.float(), boxes.get("conf")))


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
