"""Squeeze-and-excitation.

Source: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018 (arXiv:1709.01507); timm's module.
"""

from timm.layers import SEModule

from yolograft.model.attention.options import hidden_channels


class SE(SEModule):
    """y = x · sigmoid(W₂ relu(W₁ mean(x))): a weight for each channel, from all channels' means.

    Args:
        channels: Of the map.
        reduction: Channels for each one of the bottleneck.
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__(channels, rd_channels=hidden_channels(channels, reduction))
