"""Global context.

Source: Cao et al., "GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond", ICCV Workshops 2019
(arXiv:1904.11492); timm's module.
"""

from timm.layers.global_context import GlobalContext

from yolograft.model.attention.options import hidden_channels


class GC(GlobalContext):
    """y = x + W₂ relu(LN(W₁ c)), where the context c is the mean of the cells, weighted by softmax(w · x) (eq. 4).

    W₂ is zero at first, so training begins with y = x.

    Args:
        channels: Of the map.
        reduction: Channels for each one of the bottleneck.
    """

    def __init__(self, channels: int, *, reduction: int = 8) -> None:
        hidden = hidden_channels(channels, reduction)
        super().__init__(channels, fuse_add=True, fuse_scale=False, rd_channels=hidden)
