"""α-IoU in place of CIoU: copy this file, and loss/alphaiou.yaml."""

from torch import Tensor

from yolograft.model.losses.detection import DetectionLoss
from yolograft.model.losses.pairs import BoxPairs

ALPHA = 3


class AlphaIoULoss(DetectionLoss):
    """ultralytics' detection loss with α-IoU as its box term, 1 − IoU^α (He et al., NeurIPS 2021)."""

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]."""
        return 1 - pairs.overlap**ALPHA
