"""GIoU in place of CIoU."""

from torch import Tensor

from yolograft.model.losses.detection import DetectionLoss
from yolograft.model.losses.pairs import EPS, BoxPairs


def giou_loss(pairs: BoxPairs) -> Tensor:
    """Return the GIoU loss of each pair of boxes, [N, 1]: 0 where they are the same, below 2.

    1 − IoU + (C − U) / C, with U the area of the union and C that of the smallest box around both (Rezatofighi et al.,
    "Generalized intersection over union", CVPR 2019, algorithm 1).
    """
    outer_w, outer_h = pairs.outer
    area = outer_w * outer_h
    return 1 - pairs.overlap + (area - pairs.union) / (area + EPS)


class GIoULoss(DetectionLoss):
    """ultralytics' detection loss with GIoU as its box term; see `giou_loss`."""

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]."""
        return giou_loss(pairs)
