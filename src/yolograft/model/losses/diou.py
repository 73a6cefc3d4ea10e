"""DIoU in place of CIoU."""

from torch import Tensor

from yolograft.model.losses.detection import DetectionLoss
from yolograft.model.losses.pairs import BoxPairs


def diou_loss(pairs: BoxPairs) -> Tensor:
    """Return the DIoU loss of each pair of boxes, [N, 1]: 0 where they are the same, below 2.

    1 − IoU + ρ² / c², with ρ the distance of the centres and c the diagonal of the smallest box around both (Zheng et
    al., "Distance-IoU loss", AAAI 2020, eq. 7).
    """
    return 1 - pairs.overlap + pairs.distance2 / pairs.diagonal2


class DIoULoss(DetectionLoss):
    """ultralytics' detection loss with DIoU as its box term; see `diou_loss`."""

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]."""
        return diou_loss(pairs)
