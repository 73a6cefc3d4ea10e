"""Partial convolution, and the block that FasterNet makes of it.

Source: Chen et al., "Run, Don't Walk: Chasing Higher FLOPS for Faster Neural Networks", CVPR 2023 (arXiv:2303.03667),
sections 3.2 and 3.4.
"""

import torch
from torch import Tensor, nn

from yolograft.upstream.model import C2f, Conv


class PartialConv(nn.Module):
    """A 3×3 convolution of the first quarter of the channels; the others pass.

    Args:
        channels: Input and output channels; 4 at least.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.part = channels // 4
        self.conv = nn.Conv2d(self.part, self.part, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        return torch.cat((self.conv(x[:, : self.part]), x[:, self.part :]), dim=1)


class PConv(nn.Module):
    """A partial convolution and a 1×1 one: what stands for a 3×3 convolution (section 3.3).

    Args:
        c1: Input channels.
        c2: Output channels.
    """

    def __init__(self, c1: int, c2: int) -> None:
        super().__init__()
        self.partial = PartialConv(c1)
        self.point = Conv(c1, c2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        return self.point(self.partial(x))


class FasterBlock(nn.Module):
    """A partial convolution and two 1×1 ones, wide in between, beside a shortcut (figure 4).

    Args:
        channels: Input and output channels.
        expansion: Channels between the 1×1 convolutions as a multiple.
    """

    def __init__(self, channels: int, expansion: int = 2) -> None:
        super().__init__()
        self.partial = PartialConv(channels)
        self.widen = Conv(channels, channels * expansion, 1)
        self.narrow = nn.Conv2d(channels * expansion, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        return x + self.narrow(self.widen(self.partial(x)))


class FasterC2f(C2f):
    """ultralytics' C2f of FasterNet blocks.

    Args:
        c1: Input channels.
        c2: Output channels.
        n: Number of blocks.
    """

    def __init__(self, c1: int, c2: int, n: int = 1) -> None:
        super().__init__(c1, c2, 0)
        self.cv2 = Conv((2 + n) * self.c, c2, 1)
        self.m = nn.ModuleList(FasterBlock(self.c) for _ in range(n))
