"""Shape-IoU in place of CIoU."""

from typing import Annotated, Literal

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
        box: Weight of the box term.
        cls: Weight of the class term.
        dfl: Weight of the distribution focal term.
        classification: As for `DetectionLoss`.
        inner: As for `DetectionLoss`.
        focaler: As for `DetectionLoss`.
        nwd: As for `DetectionLoss`.
        nwd_size: As for `DetectionLoss`.
        scale: Exponent of the target's sides: 0 lets all shapes count alike, 1 is meant for small objects.
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
        scale: Annotated[float, Field(ge=0, le=4)] = 0.0,
    ) -> None:
        super().__init__(
            model,
            box=box,
            cls=cls,
            dfl=dfl,
            classification=classification,
            inner=inner,
            focaler=focaler,
            nwd=nwd,
            nwd_size=nwd_size,
        )
        self.scale = scale

    def box_term(self, pairs: BoxPairs) -> Tensor:
        """Return the loss of each pair of boxes, [N, 1]."""
        return shapeiou_loss(pairs, self.scale)
