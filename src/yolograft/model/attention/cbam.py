"""Convolutional block attention.

Source: Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018 (arXiv:1807.06521); timm's module.
"""

from timm.layers.cbam import CbamModule

from yolograft.model.attention.options import hidden_channels, require_odd


class CBAM(CbamModule):
    """Channels, then places: y = x · sigmoid(MLP(mean(x)) + MLP(max(x))), z = y · sigmoid(BN(w ∗ [mean(y), max(y)])).

    The first mean and maximum are over a channel's cells, the second over a cell's channels.

    Args:
        channels: Of the map.
        reduction: Channels for each one of the MLP's bottleneck.
        kernel: Of the convolution w; odd.

    Raises:
        ValueError: The kernel is not odd.
    """

    def __init__(self, channels: int, *, reduction: int = 16, kernel: int = 7) -> None:
        require_odd(kernel)
        super().__init__(channels, rd_channels=hidden_channels(channels, reduction), spatial_kernel_size=kernel)
