"""ASFF's fusion: a weighted sum with weights for each map at each place.

Source: Liu et al., "Learning Spatial Fusion for Single-Shot Object Detection", 2019 (arXiv:1911.09516), equations 1 to
3, with 8 channels for the weights of each map as in the authors' code.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from yolograft.model.blocks.projection import projection
from yolograft.upstream.model import Conv

_HIDDEN = 8


class ASFFFusion(nn.Module):
    """y = Σ_l α_l ⊙ x_l, where α is the softmax over the maps, at each place, of what 1×1 convolutions see there.

    Args:
        channels: Channels of each map; those of another width pass a 1×1 convolution.
        width: Channels of the sum.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(projection(given, width) for given in channels)
        self.see = nn.ModuleList(Conv(width, _HIDDEN, 1) for _ in channels)
        self.weigh = nn.Conv2d(_HIDDEN * len(channels), len(channels), 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map maps [B, C_i, H, W] to [B, width, H, W]."""
        maps = [project(m) for project, m in zip(self.project, maps, strict=True)]
        seen = torch.cat([see(m) for see, m in zip(self.see, maps, strict=True)], dim=1)
        alpha = self.weigh(seen).softmax(dim=1)
        return sum(alpha[:, place : place + 1] * m for place, m in enumerate(maps))
