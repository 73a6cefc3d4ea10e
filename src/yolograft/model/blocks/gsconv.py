"""GSConv and the blocks built of it.

Source: Li et al., "Slim-neck by GSConv: a lightweight-design for real-time detector architectures", Journal of
Real-Time Image Processing 21:62, 2024 (arXiv:2206.02424). Layers are named as in the authors' code.
"""

import torch
from torch import Tensor, nn

from yolograft.upstream.model import Conv


class GSConv(nn.Module):
    """A standard convolution to half the channels, a 5×5 depth-wise one of that, both halves interleaved (fig. 4).

    Args:
        c1: Input channels.
        c2: Output channels; even.
        k: Kernel of the standard convolution.
        s: Its stride.
        act: Whether both convolutions are followed by the activation.

    Raises:
        ValueError: `c2` is odd.
    """

    def __init__(self, c1: int, c2: int, k: int = 1, s: int = 1, *, act: bool = True) -> None:
        super().__init__()
        if c2 % 2:
            raise ValueError(f"GSConv needs an even number of output channels, not {c2}")
        half = c2 // 2
        self.cv1 = Conv(c1, half, k, s, act=act)
        self.cv2 = Conv(half, half, 5, 1, g=half, act=act)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H/s, W/s]."""
        dense = self.cv1(x)
        sparse = self.cv2(dense)
        # The channel shuffle d0 s0 d1 s1 ...: stacking beside each channel needs no sizes, so no batch size gets
        # baked into an exported graph.
        return torch.stack((dense, sparse), dim=2).flatten(1, 2)


class GSBottleneck(nn.Module):
    """Two GSConvs beside a 1×1 shortcut (fig. 5a).

    Args:
        c1: Input channels.
        c2: Output channels.
        e: Hidden channels as a share of `c2`.
    """

    def __init__(self, c1: int, c2: int, e: float = 0.5) -> None:
        super().__init__()
        hidden = int(c2 * e)
        self.conv_lighting = nn.Sequential(GSConv(c1, hidden, 1, 1), GSConv(hidden, c2, 3, 1, act=False))
        self.shortcut = Conv(c1, c2, 1, 1, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        return self.conv_lighting(x) + self.shortcut(x)


class VoVGSCSP(nn.Module):
    """A one-shot aggregation block: GSBottlenecks on one of two half-width branches (fig. 5b).

    The authors' code also holds a 3×3 convolution that no forward pass uses; it is left out.

    Args:
        c1: Input channels.
        c2: Output channels.
        n: Number of GSBottlenecks.
        e: Channels of each branch as a share of `c2`.
    """

    def __init__(self, c1: int, c2: int, n: int = 1, e: float = 0.5) -> None:
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = Conv(c1, hidden, 1, 1)
        self.cv2 = Conv(c1, hidden, 1, 1)
        self.gsb = nn.Sequential(*(GSBottleneck(hidden, hidden, e=1.0) for _ in range(n)))
        self.cv3 = Conv(2 * hidden, c2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        return self.cv3(torch.cat((self.cv2(x), self.gsb(self.cv1(x))), dim=1))
