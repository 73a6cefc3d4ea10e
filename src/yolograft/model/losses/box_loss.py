"""Stock's box loss with another term for CIoU."""

from collections.abc import Callable

from torch import Tensor

from yolograft.model.losses.iou_replaced import IoUReplaced
from yolograft.model.losses.nwd import NWDShare
from yolograft.model.losses.pairs import BoxPairs, at_least_32_bits
from yolograft.upstream.model import BboxLoss


class BoxLoss(BboxLoss):
    """Stock's box loss with another term for CIoU; the distribution focal term is stock's.

    Args:
        reg_max: Bins of a distribution of the head; 1: it gives the sides themselves.
        term: The loss of each pair, [N, 1].
        replaced: What takes the place of the IoU in the term.
        share: The share of the normalized Wasserstein distance.
    """

    def __init__(
        self,
        reg_max: int,
        term: Callable[[BoxPairs], Tensor],
        replaced: IoUReplaced | None = None,
        share: NWDShare | None = None,
    ) -> None:
        super().__init__(reg_max)
        self.term = term
        self.replaced = replaced
        self.share = share

    def forward(
        self,
        pred_dist: Tensor,
        pred_bboxes: Tensor,
        anchor_points: Tensor,
        target_bboxes: Tensor,
        target_scores: Tensor,
        target_scores_sum: Tensor,
        fg_mask: Tensor,
        imgsz: Tensor,
        stride: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return the box term and the distribution focal term, both scalars; arguments as in stock."""
        _, loss_dfl = super().forward(
            pred_dist,
            pred_bboxes,
            anchor_points,
            target_bboxes,
            target_scores,
            target_scores_sum,
            fg_mask,
            imgsz,
            stride,
        )
        weight = target_scores[fg_mask].sum(-1, keepdim=True)
        pairs = BoxPairs(
            at_least_32_bits(pred_bboxes[fg_mask]),
            at_least_32_bits(target_bboxes[fg_mask]),
            at_least_32_bits(stride.expand(len(fg_mask), -1, -1)[fg_mask]),
            at_least_32_bits(imgsz),
            self.replaced,
        )
        loss = self.term(pairs)
        if self.share is not None:
            loss = self.share(loss, pairs)
        return (loss * weight).sum() / target_scores_sum, loss_dfl
