"""Efficient channel attention.

Source: Wang et al., "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks", CVPR 2020
(arXiv:1910.03151); timm's module.
"""

from timm.layers import EcaModule

from yolograft.model.attention.options import require_odd


class ECA(EcaModule):
    """y = x · sigmoid(w ∗ mean(x)): a weight for each channel, from the means of the k channels around it.

    Args:
        channels: Of the map.
        kernel: k, odd; None: what the paper derives from the channels C, the odd number next to (log₂ C + 1) / 2.

    Raises:
        ValueError: The kernel is not odd.
    """

    def __init__(self, channels: int, *, kernel: int | None = None) -> None:
        if kernel is None:
            super().__init__(channels)
            return
        require_odd(kernel)
        super().__init__(None, kernel_size=kernel)
