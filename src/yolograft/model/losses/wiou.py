"""Wise-IoU in place of CIoU."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from yolograft.model.losses.detection import DetectionLoss
from yolograft.model.losses.pairs import BoxPairs
from yolograft.model.losses.whole_batch import batch_mean

ALPHA, DELTA, GAMMA = 1.9, 3.0, 0.5
"""The paper's choice for its third and second version."""

MOMENTUM = 0.01
"""Weight of a batch in the running mean, as in the authors' code."""


def wiou_loss(pairs: BoxPairs, mean: Tensor | None = None, version: int = 1) -> Tensor:
    """Return the Wise-IoU loss of each pair of boxes, [N, 1]: 0 where they are the same.

    Version 1 is R · (1 − IoU), R = e^(ρ² / c²), with ρ the distance of the centres and c the diagonal of the smallest
    box around both, through which no gradient runs. The others weigh it with how far a box is behind the rest,
    β = (1 − IoU) / mean, without gradient: version 2 with β^γ, version 3 with β / (δ α^(β − δ)), which gives boxes of
    ordinary quality most (Tong et al., "Wise-IoU: bounding box regression loss with dynamic focusing mechanism", arXiv
    2301.10051, eq. 10, 14 and 18).

    Args:
        pairs: The boxes.
        mean: Running mean of 1 − IoU, a scalar; version 1 needs none.
        version: 1, 2 or 3.
    """
    lost = 1 - pairs.overlap
    loss = (pairs.distance2 / pairs.diagonal2.detach()).exp() * lost
    if version == 1:
        return loss
    assert mean is not None
    behind = (lost.detach() / mean).clamp(min=0)
    return loss * (behind**GAMMA if version == 2 else behind / (DELTA * ALPHA ** (behind - DELTA)))


class WIoULoss(DetectionLoss):
    """ultralytics' detection loss with Wise-IoU as its box term; see `wiou_loss`.

    The running mean of 1 − IoU changes in training only, and belongs to the state that a training goes on from.

    Args:
        model: The detector, on the device where the loss is to be computed.
        version: 1, 2 or 3, as in the paper.
        options: As for `DetectionLoss`.
    """

    def __init__(self, model: nn.Module, *, version: Literal[1, 2, 3] = 3, **options: Any) -> None:
        super().__init__(model, **options)
        self.version = version
        self.mean = torch.ones((), device=self.device)

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]; in training the running mean takes them in first."""
        if self.version > 1 and pairs.predicted.requires_grad:
            lost = 1 - pairs.overlap
            now = batch_mean(lost, synchronize=True)
            mean = self.mean.to(now.dtype)
            self.mean = mean.lerp(now, MOMENTUM).where(now > 0, mean)  # a batch without boxes says nothing
        return wiou_loss(pairs, self.mean, self.version)

    def state_dict(self) -> dict[str, Any]:
        """Return the running mean."""
        return {"mean": float(self.mean)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.mean = torch.full_like(self.mean, float(state["mean"]))
