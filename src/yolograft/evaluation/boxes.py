"""Boxes as tensors turned into the plain boxes that files and loggers take."""

import torch

from yolograft.runs.predictions import Box


def plain_boxes(classes: torch.Tensor, corners: torch.Tensor, confidences: torch.Tensor | None = None) -> list[Box]:
    """Return boxes as plain values.

    Args:
        classes: [N], numbers of classes.
        corners: [N, 4], left, top, right, bottom as shares of the image; cut to 0…1.
        confidences: [N], 0…1; None for boxes of the labels.
    """
    sure = [None] * len(classes) if confidences is None else confidences.tolist()
    places = corners.clamp(0, 1).tolist()
    return [
        Box(int(label), (left, top, right, bottom), confidence)
        for label, (left, top, right, bottom), confidence in zip(classes.tolist(), places, sure, strict=True)
    ]
