"""GSConv, the blocks made of it, and what a "learned shuffle" is.

Source: Li et al., "Slim-neck by GSConv: a lightweight-design for real-time detector architectures", Journal of
Real-Time Image Processing 21:62, 2024 (arXiv:2206.02424). Layers are named as in the authors' code.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from yolograft.upstream.model import Conv

Shuffle = Literal["fixed", "learned"]


class GSConv(nn.Module):
    """A standard convolution to half the channels, a 5×5 depth-wise one of that, both halves interleaved (fig. 4).

    The learned ("normative") shuffle mixes the halves by a 1×1 convolution, for runtimes without a transpose. It starts
    as the fixed one. The authors' code puts a ReLU behind it, which would cut what the activation lets through; here
    there is none.

    Args:
        c1: Input channels.
        c2: Output channels; even.
        k: Kernel of the standard convolution.
        s: Its stride.
        act: Whether both convolutions are followed by the activation.
        kernel: Kernel of the depth-wise convolution; odd.
        shuffle: fixed: interleave; learned: a 1×1 convolution.

    Raises:
        ValueError: `c2` is odd, or `kernel` is even.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int = 1,
        s: int = 1,
        *,
        act: bool = True,
        kernel: int = 5,
        shuffle: Shuffle = "fixed",
    ) -> None:
        super().__init__()
        if c2 % 2:
            raise ValueError(f"GSConv needs an even number of output channels, not {c2}")
        if kernel % 2 == 0:
            raise ValueError(f"GSConv needs an odd kernel, not {kernel}")
        half = c2 // 2
        self.cv1 = Conv(c1, half, k, s, act=act)
        self.cv2 = Conv(half, half, kernel, 1, g=half, act=act)
        self.shuf = _learned_shuffle(c2) if shuffle == "learned" else None

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H/s, W/s]."""
        dense = self.cv1(x)
        sparse = self.cv2(dense)
        if self.shuf is not None:
            return self.shuf(torch.cat((dense, sparse), dim=1))
        # The channel shuffle d0 s0 d1 s1 ...: stacking beside each channel needs no sizes, so no batch size gets
        # baked into an exported graph.
        return torch.stack((dense, sparse), dim=2).flatten(1, 2)


def _learned_shuffle(channels: int) -> nn.Conv2d:
    """Return a 1×1 convolution that interleaves the two halves of its input, to begin with."""
    shuffle = nn.Conv2d(channels, channels, 1, bias=False)
    order = torch.arange(channels, device=shuffle.weight.device).reshape(2, -1).T.flatten()
    with torch.no_grad():
        shuffle.weight.copy_(torch.eye(channels, device=shuffle.weight.device)[order][:, :, None, None])
    return shuffle


class GSBottleneck(nn.Module):
    """Two GSConvs beside a 1×1 shortcut (fig. 5a).

    Args:
        c1: Input channels.
        c2: Output channels.
        e: Hidden channels as a share of `c2`.
        kernel: As for `GSConv`.
        shuffle: As for `GSConv`.
    """

    def __init__(self, c1: int, c2: int, e: float = 0.5, *, kernel: int = 5, shuffle: Shuffle = "fixed") -> None:
        super().__init__()
        hidden = int(c2 * e)
        self.conv_lighting = nn.Sequential(
            GSConv(c1, hidden, 1, 1, kernel=kernel, shuffle=shuffle),
            GSConv(hidden, c2, 3, 1, act=False, kernel=kernel, shuffle=shuffle),
        )
        self.shortcut = Conv(c1, c2, 1, 1, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        return self.conv_lighting(x) + self.shortcut(x)


class VoVGSCSP(nn.Module):
    """A one-shot aggregation block, VoV-GSCSP1: GSBottlenecks on one of two half-width branches (fig. 5b).

    The authors' code also holds a 3×3 convolution that no forward pass uses; it is left out.

    Args:
        c1: Input channels.
        c2: Output channels.
        n: Number of GSBottlenecks.
        e: Channels of each branch as a share of `c2`.
        kernel: As for `GSConv`.
        shuffle: As for `GSConv`.
    """

    def __init__(
        self, c1: int, c2: int, n: int = 1, e: float = 0.5, *, kernel: int = 5, shuffle: Shuffle = "fixed"
    ) -> None:
        super().__init__()
        hidden = self.hidden = int(c2 * e)
        self.cv1 = Conv(c1, hidden, 1, 1)
        self.cv2 = Conv(c1, hidden, 1, 1)
        self.gsb = nn.Sequential(
            *(GSBottleneck(hidden, hidden, e=1.0, kernel=kernel, shuffle=shuffle) for _ in range(n))
        )
        self.cv3 = Conv(2 * hidden, c2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        return self.cv3(torch.cat((self.cv2(x), self.gsb(self.cv1(x))), dim=1))


class VoVGSCSP2(VoVGSCSP):
    """VoV-GSCSP2 (fig. 5c): what the GSBottlenecks give is used twice, once more behind a 3×3 convolution.

    Args:
        c1: Input channels.
        c2: Output channels.
        n: Number of GSBottlenecks.
        e: Channels of each branch as a share of `c2`.
        kernel: As for `GSConv`.
        shuffle: As for `GSConv`.
    """

    def __init__(
        self, c1: int, c2: int, n: int = 1, e: float = 0.5, *, kernel: int = 5, shuffle: Shuffle = "fixed"
    ) -> None:
        super().__init__(c1, c2, n, e, kernel=kernel, shuffle=shuffle)
        self.res = Conv(self.hidden, self.hidden, 3, 1, act=False)
        self.cv3 = Conv(3 * self.hidden, c2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        light = self.gsb(self.cv1(x))
        return self.cv3(torch.cat((self.cv2(x), light, self.res(light)), dim=1))


class VoVGSCSP3(VoVGSCSP):
    """VoV-GSCSP3 (fig. 5d): VoV-GSCSP1 with a 3×3 convolution around it, from the half-width branch to the output.

    Args:
        c1: Input channels.
        c2: Output channels.
        n: Number of GSBottlenecks.
        e: Channels of each branch as a share of `c2`.
        kernel: As for `GSConv`.
        shuffle: As for `GSConv`.
    """

    def __init__(
        self, c1: int, c2: int, n: int = 1, e: float = 0.5, *, kernel: int = 5, shuffle: Shuffle = "fixed"
    ) -> None:
        super().__init__(c1, c2, n, e, kernel=kernel, shuffle=shuffle)
        self.res = Conv(self.hidden, c2, 3, 1, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        branch = self.cv1(x)
        return self.cv3(torch.cat((self.cv2(x), self.gsb(branch)), dim=1)) + self.res(branch)
