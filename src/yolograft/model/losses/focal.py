"""Focal loss."""

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from yolograft.model.losses.pairs import at_least_32_bits

ALPHA, GAMMA = 0.25, 2.0
"""The paper's choice."""


class FocalBCE(nn.Module):
    """Focal loss: −α_t (1 − p_t)^γ log p_t, with p_t the probability of what is right.

    Lin et al., "Focal loss for dense object detection", ICCV 2017, eq. 5, with α = 0.25 and γ = 2. The targets here are
    scores between 0 and 1; both factors are interpolated between their values for 0 and 1, as in ultralytics' own.
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each logit; both arguments are [B, boxes, classes]."""
        logits, target = at_least_32_bits(logits), at_least_32_bits(target)
        p = logits.sigmoid()
        p_t = target * p + (1 - target) * (1 - p)
        alpha_t = target * ALPHA + (1 - target) * (1 - ALPHA)
        return alpha_t * (1 - p_t) ** GAMMA * binary_cross_entropy_with_logits(logits, target, reduction="none")
