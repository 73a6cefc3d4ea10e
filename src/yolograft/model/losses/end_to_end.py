"""The loss of heads with one-to-one branches: any detection loss, twice."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from yolograft.common.errors import UserError
from yolograft.upstream.model import DetectionModel, E2ELoss, v8DetectionLoss


class EndToEndLoss(E2ELoss):
    """The loss of the one-to-many branches and that of the one-to-one branches, whose weights change by the epoch.

    ultralytics' `E2ELoss`: many cells (10) learn each object in one pair of branches, and the best of 7 in the other.
    The former's weight falls from 0.8 to 0.1 over the training, the latter's rises from 0.2 to 0.9 (YOLO26's
    progressive loss). The losses that are reported are the one-to-one branches'.

    Args:
        model: The detector, on the device where the loss is to be computed.
        make: Makes the detection loss of a detector, whatever its box term.

    Raises:
        UserError: It makes a loss that is none of ultralytics' form.
    """

    def __init__(self, model: DetectionModel, make: Callable[[DetectionModel], Any]) -> None:
        def assigning(detector: DetectionModel, tal_topk: int, tal_topk2: int | None = None) -> v8DetectionLoss:
            loss = make(detector)
            if not isinstance(loss, v8DetectionLoss):
                kind = f"{type(loss).__module__}.{type(loss).__qualname__}"
                raise UserError(f"loss {kind}: a head without NMS needs one derived from ultralytics' v8DetectionLoss")
            loss.assigner.topk, loss.assigner.topk2 = tal_topk, tal_topk2 or tal_topk
            return loss

        super().__init__(model, assigning)

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Set both weights for an epoch, from 0, as ultralytics' trainer has updated them by then.

        Args:
            epoch: The epoch.
            epochs: Epochs of the whole training.
        """
        self.one2one.hyp.epochs = epochs
        self.updates = epoch - 1
        self.update()

    def __call__(self, preds: Any, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return both losses, weighted, times the batch size, and the parts of the one-to-one branches' loss.

        Args:
            preds: What the head returns: `one2many` and `one2one`, each with `boxes`, `scores` and `feats`; in
                evaluation mode behind the decoded boxes.
            batch: `cls` [N, 1], `bboxes` [N, 4] (xywh, 0…1) and `batch_idx` [N] of the batch's objects.
        """
        loss, items = super().__call__(preds, batch)
        # Without a distribution (reg_max 1) stock calls the third term by another name; one column holds either.
        return loss, {"dfl_loss" if name == "l1_loss" else name: value for name, value in items.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return what both losses have learnt of the boxes so far; empty where they learn nothing."""
        learnt: dict[str, Any] = {
            name: getattr(getattr(self, name), "state_dict", dict)() for name in ("one2many", "one2one")
        }
        return {name: state for name, state in learnt.items() if state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        for name, learnt in state.items():
            getattr(self, name).load_state_dict(learnt)
