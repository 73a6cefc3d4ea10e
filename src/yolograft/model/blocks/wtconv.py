"""WTConv: depth-wise convolution in the wavelet domain, for large receptive fields.

Source: Finder et al., "Wavelet Convolutions for Large Receptive Fields", ECCV 2024 (arXiv:2407.05848), section 3, with
the Haar wavelet; behind it a 1×1 convolution, as in the authors' depth-wise separable form.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from yolograft.upstream.model import Conv

# The 2D Haar transform of a 2×2 block (its pixels row by row): average, then differences. It is its own inverse.
_HAAR = ((1, 1, 1, 1), (1, 1, -1, -1), (1, -1, 1, -1), (1, -1, -1, 1))


class WTConv(nn.Module):
    """A depth-wise convolution of the map, added to one of its Haar transform, and of the transform of its low part.

    Y = s₀ Conv(W₀, X) + IWT(s₁ Conv(W₁, WT(X))), and so on down the levels with the low-pass part (equations 3 to 6).

    Args:
        c1: Input channels.
        c2: Output channels.
        kernel: Kernel of all depth-wise convolutions; odd.
        levels: How often the map is halved.
    """

    haar: Tensor

    def __init__(self, c1: int, c2: int, kernel: int = 5, levels: int = 1) -> None:
        super().__init__()
        self.register_buffer("haar", torch.tensor(_HAAR, dtype=torch.float32) / 2, persistent=False)
        self.base = nn.Conv2d(c1, c1, kernel, padding=kernel // 2, groups=c1)
        self.base_scale = nn.Parameter(torch.ones(1, c1, 1, 1))
        self.waves = nn.ModuleList(
            nn.Conv2d(4 * c1, 4 * c1, kernel, padding=kernel // 2, groups=4 * c1, bias=False) for _ in range(levels)
        )
        self.wave_scales = nn.ParameterList(torch.full((1, 4 * c1, 1, 1), 0.1) for _ in range(levels))
        self.point = Conv(c1, c2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        return self.point(self.base_scale * self.base(x) + self._through_waves(x, 0))

    def _through_waves(self, x: Tensor, level: int) -> Tensor:
        """Return what the transform of a map, and those of its low-pass part, add to it."""
        height, width = x.shape[2:]
        parts = self._transform(functional.pixel_unshuffle(functional.pad(x, (0, width % 2, 0, height % 2)), 2))
        changed = self.wave_scales[level] * self.waves[level](parts)
        if level + 1 < len(self.waves):
            low, high = changed[:, ::4], changed.unflatten(1, (x.shape[1], 4))[:, :, 1:]
            low = low + self._through_waves(parts[:, ::4], level + 1)
            changed = torch.cat((low.unsqueeze(2), high), dim=2).flatten(1, 2)
        return functional.pixel_shuffle(self._transform(changed), 2)[:, :, :height, :width]

    def _transform(self, blocks: Tensor) -> Tensor:
        """Return the Haar transform of 2×2 blocks, or the blocks of a transform: [B, 4C, H/2, W/2]."""
        apart = blocks.unflatten(1, (blocks.shape[1] // 4, 4))
        return torch.einsum("kn,bcnhw->bckhw", self.haar.to(blocks.dtype), apart).flatten(1, 2)
