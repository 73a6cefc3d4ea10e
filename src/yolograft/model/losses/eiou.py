"""EIoU in place of CIoU."""

from typing import Any

from torch import Tensor, nn

from yolograft.model.losses.ciou import CIoULoss
from yolograft.upstream.model import BboxLoss


def eiou_loss(predicted: Tensor, target: Tensor, eps: float = 1e-7) -> Tensor:
    """Return the EIoU loss of each pair of boxes.

    1 − IoU + ρ²(centres) / c² + (w − w*)² / C_w² + (h − h*)² / C_h², where C_w, C_h are the sides of the smallest box
    around both and c its diagonal (Zhang et al., "Focal and efficient IOU loss for accurate bounding box regression",
    Neurocomputing 506, 2022, eq. 7).

    Args:
        predicted: Boxes [N, 4] as x1, y1, x2, y2.
        target: Boxes [N, 4] likewise.
        eps: Keeps a division by zero away.

    Returns:
        Losses [N, 1], 0 where the boxes are the same, below 4.
    """
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = predicted.chunk(4, -1), target.chunk(4, -1)
    aw, ah, bw, bh = ax2 - ax1, ay2 - ay1, bx2 - bx1, by2 - by1
    inter = (ax2.minimum(bx2) - ax1.maximum(bx1)).clamp(0) * (ay2.minimum(by2) - ay1.maximum(by1)).clamp(0)
    iou = inter / (aw * ah + bw * bh - inter + eps)
    outer_w, outer_h = ax2.maximum(bx2) - ax1.minimum(bx1), ay2.maximum(by2) - ay1.minimum(by1)
    centres = ((ax1 + ax2 - bx1 - bx2).square() + (ay1 + ay2 - by1 - by2).square()) / 4
    return (
        1
        - iou
        + centres / (outer_w.square() + outer_h.square() + eps)
        + (aw - bw).square() / (outer_w.square() + eps)
        + (ah - bh).square() / (outer_h.square() + eps)
    )


class EIoUBboxLoss(BboxLoss):
    """Stock's box loss with EIoU for CIoU; the distribution focal term is stock's."""

    def forward(
        self,
        pred_dist: Tensor,
        pred_bboxes: Tensor,
        anchor_points: Tensor,
        target_bboxes: Tensor,
        target_scores: Tensor,
        target_scores_sum: Tensor,
        fg_mask: Tensor,
        *rest: Any,
    ) -> tuple[Tensor, Tensor]:
        """Return the box term and the distribution focal term, both scalars; arguments as in stock."""
        _, loss_dfl = super().forward(
            pred_dist, pred_bboxes, anchor_points, target_bboxes, target_scores, target_scores_sum, fg_mask, *rest
        )
        weight = target_scores[fg_mask].sum(-1, keepdim=True)
        loss_box = (eiou_loss(pred_bboxes[fg_mask], target_bboxes[fg_mask]) * weight).sum() / target_scores_sum
        return loss_box, loss_dfl


class EIoULoss(CIoULoss):
    """ultralytics' detection loss with EIoU as its box term; the assignment of targets still ranks by CIoU.

    Args:
        model: The detector, on the device where the loss is to be computed.
        box: Weight of the box term.
        cls: Weight of the class term.
        dfl: Weight of the distribution focal term.
    """

    def __init__(self, model: nn.Module, *, box: float = 7.5, cls: float = 0.5, dfl: float = 1.5) -> None:
        super().__init__(model, box=box, cls=cls, dfl=dfl)
        self.bbox_loss = EIoUBboxLoss(self.reg_max).to(self.device)
