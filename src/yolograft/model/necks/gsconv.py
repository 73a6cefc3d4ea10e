"""YOLO11's neck with GSConv for down-sampling."""

from yolograft.model.necks.conv import ConvNeck
from yolograft.model.necks.pieces import Pieces


class GSConvNeck(ConvNeck):
    """`ConvNeck` whose down-sampling convolutions are GSConvs (Li et al., 2024); all else is YOLO11's."""

    pieces = Pieces(down="gsconv")
