"""Coordinate attention.

Source: Hou et al., "Coordinate Attention for Efficient Mobile Network Design", CVPR 2021 (arXiv:2103.02907); timm's
module.
"""

from timm.layers.coord_attn import CoordAttn

from yolograft.model.attention.options import hidden_channels


class CA(CoordAttn):
    """y = x · g_h · g_w: weights along the height and along the width, both from the means of rows and columns.

    f = h_swish(BN(F₁ [means of rows, means of columns])), g_h = sigmoid(F_h f_h), g_w = sigmoid(F_w f_w), with 1×1
    convolutions F (eq. 6 to 8); as in the authors' code, f has at least 8 channels.

    Args:
        channels: Of the map.
        reduction: Channels for each one of f.
    """

    def __init__(self, channels: int, *, reduction: int = 32) -> None:
        super().__init__(channels, rd_channels=hidden_channels(channels, reduction, least=8), bias=True)
