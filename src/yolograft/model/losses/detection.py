"""What all losses share: ultralytics' detection loss with other terms in the places of its own."""

from types import SimpleNamespace
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor, nn

from yolograft.model.losses.box_loss import BoxLoss
from yolograft.model.losses.focal import FocalBCE
from yolograft.model.losses.iou_replaced import IoUReplaced
from yolograft.model.losses.nwd import NWDShare
from yolograft.model.losses.pairs import BoxPairs
from yolograft.model.losses.slide import SlideBCE
from yolograft.model.losses.varifocal import VarifocalBCE
from yolograft.upstream.model import v8DetectionLoss

CLASSIFICATION: dict[str, type[nn.Module]] = {"focal": FocalBCE, "vfl": VarifocalBCE, "slide": SlideBCE}
"""The class terms beside stock's binary cross-entropy, `bce`."""


class DetectionLoss(v8DetectionLoss):
    """ultralytics' detection loss with a box term of one's own: subclasses give it.

    The assignment of targets still ranks by CIoU, and the distribution focal term is stock's (L1 where the head gives
    sides instead of distributions).

    Args:
        model: The detector, on the device where the loss is to be computed.
        box: Weight of the box term.
        cls: Weight of the class term.
        dfl: Weight of the distribution focal term.
        classification: The class term: `bce`; `focal`, see `FocalBCE`; `vfl`, see `VarifocalBCE`; `slide`, see
            `SlideBCE`.
        inner: Inner-IoU's ratio of the boxes that are compared to the boxes; see `IoUReplaced`.
        focaler: Focaler-IoU's ends of the range of IoUs that counts; see `IoUReplaced`.
        nwd: Share of the box term that the normalized Wasserstein distance takes; see `NWDShare`.
        nwd_size: Size of an object in pixels at which that distance is 1.

    Raises:
        UserError: Focaler-IoU's range is empty.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        box: float = 7.5,
        cls: float = 0.5,
        dfl: float = 1.5,
        classification: Literal["bce", "focal", "vfl", "slide"] = "bce",
        inner: Annotated[float, Field(gt=0, le=4)] | None = None,
        focaler: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None,
        nwd: Annotated[float, Field(ge=0, le=1)] = 0.0,
        nwd_size: Annotated[float, Field(gt=0)] = 12.8,
    ) -> None:
        super().__init__(model)
        # Stock reads the three weights here, from the model's training settings; ours come from the loss's own.
        self.hyp = SimpleNamespace(box=box, cls=cls, dfl=dfl)
        if classification != "bce":
            self.bce = CLASSIFICATION[classification]()
        replaced = None if inner is None and focaler is None else IoUReplaced(inner, focaler)
        share = NWDShare(nwd, nwd_size) if nwd else None
        if replaced or share or not self.stock_box_term:
            self.bbox_loss = BoxLoss(self.reg_max, self.box_term, replaced, share).to(self.device)

    stock_box_term = False
    """Whether the box term is stock's own, so that nothing need take its place."""

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Return what the loss has learnt of the boxes so far; a training that goes on goes on from it."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
