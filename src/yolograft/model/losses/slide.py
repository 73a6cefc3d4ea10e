"""Slide loss."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from yolograft.model.losses.pairs import at_least_32_bits
from yolograft.model.losses.whole_batch import batch_mean

LOWEST_MEAN = 0.2
"""Below it the authors' code takes no mean: at the beginning hardly any box overlaps."""


class SlideBCE(nn.Module):
    """Binary cross-entropy that weighs the examples near the line between easy and hard more.

    With x the score of an example and μ the mean over the positive ones, the weight is 1 where x ≤ μ − 0.1, e^(1 − μ)
    where μ − 0.1 < x < μ, and e^(1 − x) from μ upwards (Yu et al., "YOLO-FaceV2: a scale and occlusion aware face
    detector", arXiv 2208.02133, eq. 7). In the paper x is the IoU of a box; here it is its target score, which the
    task-aligned assignment scales to the best IoU of its object.
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each logit; both arguments are [B, boxes, classes]."""
        logits, target = at_least_32_bits(logits), at_least_32_bits(target)
        best = target.amax(-1)
        mean = batch_mean(best, best > 0, synchronize=logits.requires_grad).clamp(min=LOWEST_MEAN)
        weight = torch.where(target < mean, (1 - mean).exp(), (1 - target).exp())
        weight = weight.where(target > mean - 0.1, 1.0)
        return weight * binary_cross_entropy_with_logits(logits, target, reduction="none")
