"""SIoU in place of CIoU."""

from torch import Tensor

from yolograft.model.losses.detection import DetectionLoss
from yolograft.model.losses.pairs import EPS, BoxPairs

THETA = 4
"""Exponent of the shape cost; the paper takes 2 to 6 and says near 4."""


def siou_loss(pairs: BoxPairs) -> Tensor:
    """Return the SIoU loss of each pair of boxes, [N, 1]: 0 where they are the same, below 3.

    1 − IoU + (Δ + Ω) / 2 (Gevorgyan, "SIoU loss: more powerful learning for bounding box regression", arXiv 2205.12740,
    eq. 17), with

    - the angle cost Λ = 1 − 2 sin²(asin(d_y / d) − π/4) = sin 2φ = 2 |d_x d_y| / d², d the vector between the centres;
    - the distance cost Δ = Σ (1 − e^(−γ ρ)), γ = 2 − Λ, ρ = (d_x / C_w)², (d_y / C_h)², C the smallest box around both;
    - the shape cost Ω = Σ (1 − e^(−ω))^θ, ω = |w − w*| / max(w, w*), |h − h*| / max(h, h*).
    """
    (aw, bw), (ah, bh), (outer_w, outer_h) = pairs.width, pairs.height, pairs.outer
    dx, dy = pairs.offset
    gamma = 2 - 2 * (dx * dy).abs() / (pairs.distance2 + EPS)
    distance = (
        2
        - (-gamma * dx.square() / (outer_w.square() + EPS)).exp()
        - (-gamma * dy.square() / (outer_h.square() + EPS)).exp()
    )
    return 1 - pairs.overlap + (distance + shape_cost(aw, bw) + shape_cost(ah, bh)) / 2


def shape_cost(one: Tensor, other: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Return (1 − e^(−ω))^θ with ω the relative difference of two sides times a weight, [N, 1]."""
    omega = weight * (one - other).abs() / (one.maximum(other) + EPS)
    return (1 - (-omega).exp()) ** THETA


class SIoULoss(DetectionLoss):
    """ultralytics' detection loss with SIoU as its box term; see `siou_loss`."""

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]."""
        return siou_loss(pairs)
