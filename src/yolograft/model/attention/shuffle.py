"""Shuffle attention.

Source: Zhang & Yang, "SA-Net: Shuffle Attention for Deep Convolutional Neural Networks", ICASSP 2021
(arXiv:2102.00240), and the authors' code, after which the parameters are named.
"""

import torch
from torch import Tensor, nn

from yolograft.model.attention.options import require_divisor


class Shuffle(nn.Module):
    """Half of each group's channels are weighted as channels, half by place; then the channels are shuffled.

    a · sigmoid(w₁ mean(a) + b₁) and b · sigmoid(w₂ GN(b) + b₂) (eq. 2 to 5), where all groups share w and b.

    Args:
        channels: Of the map.
        groups: Groups of channels.

    Raises:
        ValueError: Twice the groups do not divide the channels.
    """

    def __init__(self, channels: int, *, groups: int = 8) -> None:
        super().__init__()
        require_divisor(channels, 2 * groups)
        self.groups = groups
        half = channels // (2 * groups)
        self.cweight = nn.Parameter(torch.zeros(1, half, 1, 1))
        self.cbias = nn.Parameter(torch.ones(1, half, 1, 1))
        self.sweight = nn.Parameter(torch.zeros(1, half, 1, 1))
        self.sbias = nn.Parameter(torch.ones(1, half, 1, 1))
        self.gn = nn.GroupNorm(half, half)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        one, other = x.unflatten(1, (self.groups, -1)).flatten(0, 1).chunk(2, dim=1)
        one = one * (self.cweight * one.mean((2, 3), keepdim=True) + self.cbias).sigmoid()
        other = other * (self.sweight * self.gn(other) + self.sbias).sigmoid()
        joined = torch.cat((one, other), dim=1).unflatten(0, (-1, self.groups)).flatten(1, 2)
        return joined.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)
