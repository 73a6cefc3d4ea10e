"""Validation images with the boxes that are in them and the boxes that were found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from yolograft.evaluation.boxes import plain_boxes
from yolograft.runs.predictions import CONFIDENCE, Box


@dataclass(frozen=True)
class Picture:
    """A validation image as the network saw it.

    Attributes:
        name: The image's file name.
        image: [H, W, 3] uint8, red first.
        truth: The boxes of the labels.
        found: The boxes that the detector found.
    """

    name: str
    image: np.ndarray
    truth: list[Box]
    found: list[Box]


@dataclass
class Album:
    """Takes the first pictures of a validation; called with each batch as it is counted.

    Attributes:
        most: How many to take.
        pictures: Those taken.
    """

    most: int
    pictures: list[Picture] = field(default_factory=list)

    def __call__(self, batch: Mapping[str, Any], boxes: list[dict[str, torch.Tensor]]) -> None:
        """Take pictures of a batch.

        Args:
            batch: Images [B, 3, H, W] 0…1, `cls` [N, 1], `bboxes` [N, 4] (xywh, 0…1), `batch_idx` [N], `im_file`.
            boxes: For each image `bboxes` [M, 4] (corners, pixels), `conf` [M], `cls` [M].
        """
        for index, found in enumerate(boxes[: self.most - len(self.pictures)]):
            image = batch["img"][index]
            height, width = image.shape[1:]
            size = torch.tensor([width, height, width, height])
            own = batch["batch_idx"] == index
            middle, sides = batch["bboxes"][own].cpu().split(2, 1)
            shown = found["conf"] >= CONFIDENCE
            self.pictures.append(
                Picture(
                    name=Path(batch["im_file"][index]).name,
                    image=(image * 255).round().byte().permute(1, 2, 0).cpu().numpy(),
                    truth=plain_boxes(
                        batch["cls"][own].view(-1), torch.cat([middle - sides / 2, middle + sides / 2], 1)
                    ),
                    found=plain_boxes(found["cls"][shown], found["bboxes"][shown].cpu() / size, found["conf"][shown]),
                )
            )
