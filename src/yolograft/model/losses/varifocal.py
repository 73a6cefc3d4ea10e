"""Varifocal loss."""

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from yolograft.model.losses.pairs import at_least_32_bits

ALPHA, GAMMA = 0.75, 2.0
"""The paper's choice."""


class VarifocalBCE(nn.Module):
    """Varifocal loss: where the target q is above 0, q times the cross-entropy; elsewhere −α p^γ log(1 − p).

    Zhang et al., "VarifocalNet: an IoU-aware dense object detector", CVPR 2021, eq. 2, with α = 0.75 and γ = 2: only
    negatives are weighed down where they are easy, and positives weigh what their score says.
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each logit; both arguments are [B, boxes, classes]."""
        logits, target = at_least_32_bits(logits), at_least_32_bits(target)
        weight = target.where(target > 0, ALPHA * logits.sigmoid() ** GAMMA)
        return weight * binary_cross_entropy_with_logits(logits, target, reduction="none")
