"""Pairs of boxes, and what the losses measure of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

EPS = 1e-7
"""Keeps a division by zero away."""


def at_least_32_bits(values: Tensor) -> Tensor:
    """Return values of 16 bits as 32: squares of pixels overflow there, and guards against a division by 0 vanish."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


@dataclass(frozen=True)
class BoxPairs:
    """Predicted boxes, each beside the target that it was assigned.

    Attributes:
        predicted: Boxes [N, 4] as x1, y1, x2, y2, in cells of their level.
        target: Boxes [N, 4] likewise.
        stride: Pixels per cell [N, 1]; None: the boxes are in pixels.
        image: Height and width of the network's input in pixels, [2]; None where it is not known.
        replace_iou: Gives what takes the place of the IoU in a loss, [N, 1]; None: the IoU itself.
    """

    predicted: Tensor
    target: Tensor
    stride: Tensor | None = None
    image: Tensor | None = None
    replace_iou: "Callable[[BoxPairs], Tensor] | None" = None

    @cached_property
    def width(self) -> tuple[Tensor, Tensor]:
        """Widths of prediction and target, [N, 1] each."""
        return self.predicted[:, 2:3] - self.predicted[:, 0:1], self.target[:, 2:3] - self.target[:, 0:1]

    @cached_property
    def height(self) -> tuple[Tensor, Tensor]:
        """Heights of prediction and target, [N, 1] each."""
        return self.predicted[:, 3:4] - self.predicted[:, 1:2], self.target[:, 3:4] - self.target[:, 1:2]

    @cached_property
    def intersection(self) -> Tensor:
        """Area that both have in common, [N, 1]."""
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.predicted.chunk(4, -1), self.target.chunk(4, -1)
        return (ax2.minimum(bx2) - ax1.maximum(bx1)).clamp(0) * (ay2.minimum(by2) - ay1.maximum(by1)).clamp(0)

    @cached_property
    def union(self) -> Tensor:
        """Area that either covers, [N, 1]."""
        (aw, bw), (ah, bh) = self.width, self.height
        return aw * ah + bw * bh - self.intersection

    @cached_property
    def iou(self) -> Tensor:
        """Intersection over union, [N, 1]."""
        return self.intersection / (self.union + EPS)

    @cached_property
    def overlap(self) -> Tensor:
        """What a loss takes for the IoU, [N, 1]: the IoU, or what `replace_iou` makes of it."""
        return self.iou if self.replace_iou is None else self.replace_iou(self)

    @cached_property
    def outer(self) -> tuple[Tensor, Tensor]:
        """Width and height of the smallest box around both, [N, 1] each."""
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.predicted.chunk(4, -1), self.target.chunk(4, -1)
        return ax2.maximum(bx2) - ax1.minimum(bx1), ay2.maximum(by2) - ay1.minimum(by1)

    @cached_property
    def diagonal2(self) -> Tensor:
        """Squared diagonal of the smallest box around both, [N, 1]; never 0."""
        width, height = self.outer
        return width.square() + height.square() + EPS

    @cached_property
    def offset(self) -> tuple[Tensor, Tensor]:
        """How far the target's centre lies right of and below the prediction's, [N, 1] each."""
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.predicted.chunk(4, -1), self.target.chunk(4, -1)
        return (bx1 + bx2 - ax1 - ax2) / 2, (by1 + by2 - ay1 - ay2) / 2

    @cached_property
    def distance2(self) -> Tensor:
        """Squared distance of the centres, [N, 1]."""
        (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = self.predicted.chunk(4, -1), self.target.chunk(4, -1)
        return ((ax1 + ax2 - bx1 - bx2).square() + (ay1 + ay2 - by1 - by2).square()) / 4

    def scaled(self, ratio: float) -> "BoxPairs":
        """Return the boxes with sides of `ratio` times theirs, about the same centres."""

        def scale(boxes: Tensor) -> Tensor:
            centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) * (ratio / 2)
            return torch.cat([centre - half, centre + half], 1)

        return BoxPairs(scale(self.predicted), scale(self.target), self.stride, self.image)
