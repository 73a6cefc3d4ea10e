"""YOLO12's own backbone."""

from typing import Literal

from torch import nn

from yolograft.model.backbones.csp import CSPBackbone
from yolograft.model.blocks.a2c2f import new_a2c2f
from yolograft.model.features import Scale
from yolograft.upstream.model import C3k2


class YOLO12(CSPBackbone):
    """Layers 0 to 8 of ultralytics' `yolo12.yaml`: area attention (A2C2f) in the last two stages, and no context.

    Args:
        scale: Depth and width.
        conv: As for `CSPBackbone`.
        residual: Whether the attention stages add their input, by a learned factor, and have narrower MLPs; None: at
            the scales l and x, as in ultralytics.
    """

    widths = ((128, 256), (256, 512), (512, 512), (1024, 1024))

    def __init__(self, scale: Scale, *, conv: Literal["conv", "gsconv"] = "conv", residual: bool | None = None) -> None:
        self._residual = scale.name in ("l", "x") if residual is None else residual
        super().__init__(scale, conv=conv)

    def stage(self, level: int, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return a C3k2 for the first two stages, an A2C2f for the others: of four areas, then of one."""
        if level < 4:
            return C3k2(c1, c2, scale.repeats(2), scale.c3k, e=0.25)
        area, mlp_ratio = 4 if level == 4 else 1, 1.2 if self._residual else 2.0
        return new_a2c2f(c1, c2, scale.repeats(4), area=area, residual=self._residual, mlp_ratio=mlp_ratio)
