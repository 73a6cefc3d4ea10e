"""YOLO26's neck."""

from torch import nn

from yolograft.model.features import Scale
from yolograft.model.necks.conv import ConvNeck
from yolograft.upstream.model import C3k2


class YOLO26Neck(ConvNeck):
    """The PAN-FPN of ultralytics' `yolo26.yaml` (layers 11 to 22): YOLO11's with C3k and attention."""

    def block_at(self, place: str, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return a C3k2 of C3k; at the coarsest level a single one, of a bottleneck and attention."""
        if self.is_last(place):
            return C3k2(c1, c2, 1, attn=True)
        return C3k2(c1, c2, scale.repeats(2), c3k=True)
