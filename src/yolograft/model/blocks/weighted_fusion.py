"""BiFPN's fusion: a weighted sum with one weight for each map.

Source: Tan et al., "EfficientDet: Scalable and Efficient Object Detection", CVPR 2020 (arXiv:1911.09070), section 3.3,
"fast normalized fusion".
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from yolograft.model.blocks.projection import projection


class WeightedFusion(nn.Module):
    """O = Σ_i w_i / (ε + Σ_j w_j) · I_i with w = ReLU of what is learned; maps of another width pass a 1×1 convolution.

    Args:
        channels: Channels of each map.
        width: Channels of the sum.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(projection(given, width) for given in channels)
        self.weights = nn.Parameter(torch.ones(len(channels)))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map maps [B, C_i, H, W] to [B, width, H, W]."""
        weights = self.weights.relu()
        weights = weights / (weights.sum() + 1e-4)
        return sum(w * p(m) for w, p, m in zip(weights.unbind(), self.project, maps, strict=True))
