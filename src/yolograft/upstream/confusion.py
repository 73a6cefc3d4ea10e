"""Boxes of a validation batch, placed and counted as ultralytics does it."""

from collections.abc import Mapping
from typing import Any

import torch
from ultralytics.utils.metrics import ConfusionMatrix
from ultralytics.utils.ops import scale_boxes, xywh2xyxy

__all__ = ["Confusion", "labelled_boxes", "shares_of_original"]


def labelled_boxes(batch: Mapping[str, Any], index: int) -> dict[str, torch.Tensor]:
    """Return `cls` [N] and `bboxes` [N, 4] (corners, pixels of the network's input) of an image's labels."""
    own = batch["batch_idx"] == index
    height, width = batch["img"].shape[2:]
    corners = xywh2xyxy(batch["bboxes"][own]) * batch["bboxes"].new_tensor([width, height, width, height])
    return {"cls": batch["cls"][own].view(-1), "bboxes": corners}


def shares_of_original(boxes: torch.Tensor, batch: Mapping[str, Any], index: int) -> torch.Tensor:
    """Return boxes [N, 4] (corners, pixels of the network's input) as shares of the image's file, 0…1."""
    height, width = batch["ori_shape"][index]
    scaled = scale_boxes(batch["img"].shape[2:], boxes.clone(), (height, width), batch["ratio_pad"][index])
    return torch.as_tensor(scaled) / boxes.new_tensor([width, height, width, height])


class Confusion:
    """How often an object of a class was found as a class.

    Args:
        names: Class names by number.
        confidence: Boxes below it are taken as not found.
    """

    def __init__(self, names: Mapping[int, str], confidence: float) -> None:
        self._matrix, self._confidence = ConfusionMatrix(dict(names)), confidence

    def update(self, found: dict[str, torch.Tensor], labelled: dict[str, torch.Tensor]) -> None:
        """Count one image: `bboxes` (corners), `cls` and, of what was found, `conf`."""
        self._matrix.process_batch(found, labelled, conf=self._confidence)

    @property
    def counts(self) -> list[list[int]]:
        """Rows: found as; columns: labelled as; the last of both: background."""
        return [[int(count) for count in row] for row in self._matrix.matrix]
