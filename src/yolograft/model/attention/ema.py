"""Efficient multi-scale attention.

Source: Ouyang et al., "Efficient Multi-Scale Attention Module with Cross-Spatial Learning", ICASSP 2023
(arXiv:2305.13563), and the authors' code, after which the layers are named.
"""

import torch
from torch import Tensor, nn

from yolograft.model.attention.options import require_divisor


class EMA(nn.Module):
    """Two branches over groups of channels, each weighing the other's cells by its own channels (fig. 3b).

    For a group g: a = GN(g · sigmoid(h) · sigmoid(w)) with [h, w] = F₁ [means of rows, means of columns], b = F₃ g;
    y = g · sigmoid(softmax(mean(a)) b + softmax(mean(b)) a), where the products sum over the channels. F₁ and F₃ are a
    1×1 and a 3×3 convolution, which all groups share.

    Args:
        channels: Of the map.
        groups: Groups of channels.

    Raises:
        ValueError: The groups do not divide the channels.
    """

    def __init__(self, channels: int, *, groups: int = 8) -> None:
        super().__init__()
        require_divisor(channels, groups)
        width = channels // groups
        self.groups = groups
        self.gn = nn.GroupNorm(width, width)
        self.conv1x1 = nn.Conv2d(width, width, 1)
        self.conv3x3 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        height, width = x.shape[2:]
        group = x.unflatten(1, (self.groups, -1)).flatten(0, 1)
        strips = torch.cat((group.mean(3, keepdim=True), group.mean(2, keepdim=True).transpose(2, 3)), dim=2)
        rows, columns = self.conv1x1(strips).split((height, width), dim=2)
        near = self.gn(group * rows.sigmoid() * columns.transpose(2, 3).sigmoid())
        far = self.conv3x3(group)
        weights = self._weigh(near, far) + self._weigh(far, near)
        return (group * weights.sigmoid()).unflatten(0, (-1, self.groups)).flatten(1, 2)

    @staticmethod
    def _weigh(one: Tensor, other: Tensor) -> Tensor:
        """Return [B, 1, H, W]: the other's channels, weighted by the softmax of the one's means."""
        return (one.mean((2, 3), keepdim=True).softmax(1) * other).sum(1, keepdim=True)
