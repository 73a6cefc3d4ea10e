"""EIoU in place of CIoU."""

from torch import Tensor

from yolograft.model.losses.detection import DetectionLoss
from yolograft.model.losses.pairs import EPS, BoxPairs


def eiou_loss(pairs: BoxPairs) -> Tensor:
    """Return the EIoU loss of each pair of boxes, [N, 1]: 0 where they are the same, below 4.

    1 − IoU + ρ² / c² + (w − w*)² / C_w² + (h − h*)² / C_h², where ρ is the distance of the centres, C_w, C_h are the
    sides of the smallest box around both and c its diagonal (Zhang et al., "Focal and efficient IOU loss for accurate
    bounding box regression", Neurocomputing 506, 2022, eq. 7).
    """
    (aw, bw), (ah, bh), (outer_w, outer_h) = pairs.width, pairs.height, pairs.outer
    return (
        1
        - pairs.overlap
        + pairs.distance2 / pairs.diagonal2
        + (aw - bw).square() / (outer_w.square() + EPS)
        + (ah - bh).square() / (outer_h.square() + EPS)
    )


class EIoULoss(DetectionLoss):
    """ultralytics' detection loss with EIoU as its box term; see `eiou_loss`."""

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]."""
        return eiou_loss(pairs)
