"""Shape-IoU in place of CIoU."""

from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from yolograft.model.losses.detection import DetectionLoss
from yolograft.model.losses.pairs import BoxPairs
from yolograft.model.losses.siou import shape_cost


def shapeiou_loss(pairs: BoxPairs, scale: float = 0.0) -> Tensor:
    """Return the Shape-IoU loss of each pair of boxes, [N, 1]: 0 where they are the same, below 5.

    1 − IoU + D + Ω / 2 (Zhang & Zhang, "Shape-IoU: more accurate metric considering bounding box shape and scale",
    arXiv 2312.17663, eq. 8-12), with a = 2 w*^s / (w*^s + h*^s), b = 2 h*^s / (w*^s + h*^s) of the target's sides and

    - the distance D = b d_x² / c² + a d_y² / c², d the vector between the centres, c the diagonal of the smallest box
      around both;
    - the shape cost Ω = (1 − e^(−b ω_w))⁴ + (1 − e^(−a ω_h))⁴, ω the relative differences of the sides, as in SIoU.

    Args:
        pairs: The boxes.
        scale: The exponent s: 0 lets all shapes count alike.
    """
    (aw, bw), (ah, bh) = pairs.width, pairs.height
    wide, high = bw**scale, bh**scale
    a, b = 2 * wide / (wide + high), 2 * high / (wide + high)
    dx, dy = pairs.offset
    distance = (b * dx.square() + a * dy.square()) / pairs.diagonal2
    return 1 - pairs.overlap + distance + (shape_cost(aw, bw, b) + shape_cost(ah, bh, a)) / 2


class ShapeIoULoss(DetectionLoss):
    """ultralytics' detection loss with Shape-IoU as its box term; see `shapeiou_loss`.

    Args:
        model: The detector, on the device where the loss is to be computed.
        scale: Exponent of the target's sides: 0 lets all shapes count alike, 1 is meant for small objects.
        options: As for `DetectionLoss`.
    """

    def __init__(self, model: nn.Module, *, scale: Annotated[float, Field(ge=0, le=4)] = 0.0, **options: Any) -> None:
        super().__init__(model, **options)
        self.scale = scale

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]."""
        return shapeiou_loss(pairs, self.scale)
