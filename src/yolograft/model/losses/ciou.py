"""YOLO11's loss."""

from torch import Tensor

from yolograft.model.losses.detection import DetectionLoss
from yolograft.model.losses.pairs import BoxPairs
from yolograft.upstream.model import bbox_iou


def ciou_loss(pairs: BoxPairs) -> Tensor:
    """Return the CIoU loss of each pair of boxes, [N, 1], as ultralytics computes it: 0 where they are the same.

    1 − IoU + ρ² / c² + αv, with ρ the distance of the centres, c the diagonal of the smallest box around both,
    v = 4/π² (atan(w*/h*) − atan(w/h))² and α = v / (1 − IoU + v) (Zheng et al., "Distance-IoU loss", AAAI 2020,
    eq. 8-11).
    """
    ciou = bbox_iou(pairs.predicted, pairs.target, xywh=False, CIoU=True)
    return 1.0 - ciou + pairs.iou - pairs.overlap


class CIoULoss(DetectionLoss):
    """ultralytics' detection loss: CIoU on boxes, binary cross-entropy on classes, distribution focal loss on sides."""

    stock_box_term = True

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]."""
        return ciou_loss(pairs)
