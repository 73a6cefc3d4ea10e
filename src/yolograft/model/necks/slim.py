"""The slim neck: GSConv and VoV-GSCSP throughout."""

from torch import nn

from yolograft.model.blocks.gsconv import VoVGSCSP
from yolograft.model.features import Scale
from yolograft.model.necks.gsconv import GSConvNeck


class SlimNeck(GSConvNeck):
    """`GSConvNeck` whose four fusing blocks are VoV-GSCSP too: the slim neck of Li et al., 2024, on YOLO11's layout."""

    def block(self, c1: int, c2: int, scale: Scale, *, c3k: bool) -> nn.Module:
        """Return a VoV-GSCSP; it has no larger form, so `c3k` does not apply."""
        return VoVGSCSP(c1, c2, scale.repeats(2))
