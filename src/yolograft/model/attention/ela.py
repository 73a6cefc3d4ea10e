"""Efficient local attention.

Source: Xu & Wan, "ELA: Efficient Local Attention for Deep Convolutional Neural Networks", 2024 (arXiv:2403.01123), in
the form ELA-B; timm's module.
"""

from functools import partial
from math import gcd

from timm.layers.coord_attn import EfficientLocalAttn
from torch import nn

from yolograft.model.attention.options import require_odd


class ELA(EfficientLocalAttn):
    """y = x · sigmoid(GN(w_h ∗ rows)) · sigmoid(GN(w_w ∗ columns)), of the means of rows and of columns.

    The convolutions are depth-wise and one-dimensional, each direction has its own (eq. 5 and 6). No channels are
    reduced.

    Args:
        channels: Of the map.
        kernel: Of the convolutions; odd.
        groups: Of the group normalisation GN; fewer where the channels cannot be divided so.

    Raises:
        ValueError: The kernel is not odd.
    """

    def __init__(self, channels: int, *, kernel: int = 7, groups: int = 16) -> None:
        require_odd(kernel)
        super().__init__(
            channels,
            kernel_size=kernel,
            act_layer=nn.Identity,  # timm's own default, SiLU, is not in the paper
            norm_layer=partial(nn.GroupNorm, gcd(groups, channels)),
        )
