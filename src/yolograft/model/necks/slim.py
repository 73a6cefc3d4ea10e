"""The slim neck: GSConv and VoV-GSCSP throughout."""

from yolograft.model.necks.conv import ConvNeck
from yolograft.model.necks.pieces import Pieces


class SlimNeck(ConvNeck):
    """`GSConvNeck` whose fusing blocks are VoV-GSCSP too: the slim neck of Li et al., 2024, on YOLO11's layout."""

    pieces = Pieces(block="vovgscsp1", down="gsconv")
