"""Inner-IoU and Focaler-IoU: what may take the place of the IoU in any box term."""

from collections.abc import Sequence

from torch import Tensor

from yolograft.common.errors import UserError
from yolograft.model.losses.pairs import BoxPairs


class IoUReplaced:
    """Gives another measure of overlap in the place of the IoU, in whatever box term: L − … = L + IoU − IoU'.

    Inner-IoU compares boxes of `inner` times the sides about the same centres: below 1 the gradient is larger where
    boxes overlap much, above 1 it reaches further (Zhang et al., "Inner-IoU: more effective intersection over union
    loss with auxiliary bounding box", arXiv 2311.02877, eq. 7-13).

    Focaler-IoU maps the range [d, u] of IoUs to [0, 1] and the rest to its ends:
    IoU' = min(max((IoU − d) / (u − d), 0), 1), so that it is the boxes in between that are learnt (Zhang & Zhang,
    "Focaler-IoU: more focused intersection over union loss", arXiv 2401.10525, eq. 9-10).

    With both, Focaler-IoU is applied to the Inner-IoU.

    Args:
        inner: Ratio of sides; None: the boxes themselves.
        focaler: d and u; None: the whole range.

    Raises:
        UserError: d is not below u, or one of them is no IoU.
    """

    def __init__(self, inner: float | None, focaler: Sequence[float] | None) -> None:
        if focaler is not None and not 0 <= focaler[0] < focaler[1] <= 1:
            raise UserError(f"loss.focaler={list(focaler)}: lower end first, between 0 and 1, as loss.focaler=[0,0.95]")
        self.inner = inner
        self.focaler = focaler

    def __call__(self, pairs: BoxPairs) -> Tensor:
        """Return the measure of each pair, [N, 1]."""
        iou = pairs.iou if self.inner is None else pairs.scaled(self.inner).iou
        if self.focaler is None:
            return iou
        low, high = self.focaler
        return ((iou - low) / (high - low)).clamp(0, 1)
