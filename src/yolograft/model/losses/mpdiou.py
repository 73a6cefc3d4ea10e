"""MPDIoU in place of CIoU."""

from torch import Tensor

from yolograft.model.losses.detection import DetectionLoss
from yolograft.model.losses.pairs import BoxPairs


def mpdiou_loss(pairs: BoxPairs) -> Tensor:
    """Return the MPDIoU loss of each pair of boxes, [N, 1]: 0 where they are the same, below 3.

    1 − IoU + d₁² / (W² + H²) + d₂² / (W² + H²), with d₁ and d₂ the distances of the upper left and of the lower right
    corners and W, H the sides of the image (Ma & Xu, "MPDIoU: a loss for efficient and accurate bounding box
    regression", arXiv 2307.07662, eq. 12 and 13).
    """
    assert pairs.image is not None
    squared = (pairs.predicted - pairs.target).square().sum(-1, keepdim=True)  # of both corners
    if pairs.stride is not None:
        squared = squared * pairs.stride.square()
    return 1 - pairs.overlap + squared / pairs.image.square().sum()


class MPDIoULoss(DetectionLoss):
    """ultralytics' detection loss with MPDIoU as its box term; see `mpdiou_loss`."""

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]."""
        return mpdiou_loss(pairs)
