"""YOLO11's neck with depthwise-separable down-sampling: copy this file, and neck/light.yaml."""

from torch import nn

from yolograft.model.necks.conv import ConvNeck
from yolograft.upstream.model import Conv


class LightNeck(ConvNeck):
    """`ConvNeck` whose two down-sampling layers are a depthwise and a pointwise convolution."""

    def downsample(self, channels: int) -> nn.Module:
        """Return the layer that halves a map's sides."""
        return nn.Sequential(Conv(channels, channels, 3, 2, g=channels), Conv(channels, channels, 1))
