"""An attention by maxima: copy this file, and attention/peak.yaml."""

import torch
from torch import Tensor, nn


class Peak(nn.Module):
    """Weigh channels by their maxima: y = x · sigmoid(s · max(x)), with a learned number s for each.

    Args:
        channels: Of the map.
        start: s at first.
    """

    def __init__(self, channels: int, *, start: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((1, channels, 1, 1), start))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        return x * (self.scale * x.amax((2, 3), keepdim=True)).sigmoid()
