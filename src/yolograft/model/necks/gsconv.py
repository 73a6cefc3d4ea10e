"""YOLO11's neck with GSConv for down-sampling."""

from torch import nn

from yolograft.model.blocks.gsconv import GSConv
from yolograft.model.necks.conv import ConvNeck


class GSConvNeck(ConvNeck):
    """`ConvNeck` whose two down-sampling convolutions are GSConvs (Li et al., 2024); all else is YOLO11's."""

    def downsample(self, channels: int) -> nn.Module:
        """Return a GSConv of stride 2."""
        return GSConv(channels, channels, 3, 2)
