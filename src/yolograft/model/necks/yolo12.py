"""YOLO12's neck."""

from torch import nn

from yolograft.model.blocks.a2c2f import new_a2c2f
from yolograft.model.features import Scale
from yolograft.model.necks.conv import ConvNeck
from yolograft.upstream.model import C3k2


class YOLO12Neck(ConvNeck):
    """The PAN-FPN of ultralytics' `yolo12.yaml` (layers 9 to 20): A2C2f without attention, and C3k2 at its end."""

    def block_at(self, place: str, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return an A2C2f of C3k, at the coarsest level a C3k2 of C3k."""
        n = scale.repeats(2)
        return C3k2(c1, c2, n, c3k=True) if self.is_last(place) else new_a2c2f(c1, c2, n, a2=False, area=-1)
