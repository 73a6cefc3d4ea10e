"""GIoU in place of CIoU: copy this file, and loss/giou.yaml."""

from torch import Tensor, nn
from torchvision.ops import generalized_box_iou_loss

from yolograft.model.losses.ciou import CIoULoss
from yolograft.upstream.model import BboxLoss


class GIoUBboxLoss(BboxLoss):
    """ultralytics' box loss with GIoU for CIoU; the distribution focal term stays as it is."""

    def forward(self, pred_dist: Tensor, pred_bboxes: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        """Return the box term and the distribution focal term, both scalars."""
        _, loss_dfl = super().forward(pred_dist, pred_bboxes, *rest)
        _anchors, target_bboxes, target_scores, target_scores_sum, foreground = rest[:5]
        weight = target_scores[foreground].sum(-1)
        loss = generalized_box_iou_loss(pred_bboxes[foreground], target_bboxes[foreground])
        return (loss * weight).sum() / target_scores_sum, loss_dfl


class GIoULoss(CIoULoss):
    """ultralytics' detection loss with GIoU as its box term (Rezatofighi et al., CVPR 2019).

    Args:
        model: The detector, on the device where the loss is computed.
        box: Weight of the box term.
        cls: Weight of the class term.
        dfl: Weight of the distribution focal term.
    """

    def __init__(self, model: nn.Module, *, box: float = 7.5, cls: float = 0.5, dfl: float = 1.5) -> None:
        super().__init__(model, box=box, cls=cls, dfl=dfl)
        self.bbox_loss = GIoUBboxLoss(self.reg_max).to(self.device)
