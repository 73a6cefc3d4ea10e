"""YOLO11's loss."""

from types import SimpleNamespace

from torch import nn

from yolograft.upstream.model import v8DetectionLoss


class CIoULoss(v8DetectionLoss):
    """ultralytics' detection loss: CIoU on boxes, binary cross-entropy on classes, distribution focal loss on sides.

    Args:
        model: The detector, on the device where the loss is to be computed.
        box: Weight of the box term.
        cls: Weight of the class term.
        dfl: Weight of the distribution focal term.
    """

    def __init__(self, model: nn.Module, *, box: float = 7.5, cls: float = 0.5, dfl: float = 1.5) -> None:
        super().__init__(model)
        # Stock reads the three weights here, from the model's training settings; ours come from the loss's own.
        self.hyp = SimpleNamespace(box=box, cls=cls, dfl=dfl)
