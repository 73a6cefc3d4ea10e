"""Mixed local channel attention.

Source: Wan et al., "Mixed local channel attention for object detection", Engineering Applications of Artificial
Intelligence 123, 2023, and the authors' code.
"""

from math import log2

import torch
from torch import Tensor, nn

_MOST = 256


class MLCA(nn.Module):
    """y = x · unpool(λ sigmoid(v ∗ l) + (1 - λ) sigmoid(w ∗ mean(l))) with l the means of a coarse grid of cells.

    v and w are one-dimensional convolutions over the channels, as in ECA: v over those of one cell of the grid after
    the other, w over those of the whole map. Pooling to the grid and back is adaptive average pooling.

    Args:
        channels: Of the map; the convolutions' kernel is derived from them as in ECA.
        grid: Cells of the grid in each direction.
        local_weight: λ, the share of the cells' own weights.

    Raises:
        ValueError: The grid has no cell, or more than any map, or λ is not between 0 and 1.
    """

    def __init__(self, channels: int, *, grid: int = 5, local_weight: float = 0.5) -> None:
        super().__init__()
        if not 1 <= grid <= _MOST:
            raise ValueError(f"needs a grid of 1 to {_MOST}, not {grid}")
        if not 0 < local_weight < 1:
            raise ValueError(f"needs a local_weight between 0 and 1, not {local_weight:g}")
        self.grid = grid
        self.local_weight = local_weight
        kernel = int((log2(channels) + 1) / 2) | 1
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)
        self.conv_local = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        rows, columns = (_pooling(size, self.grid, x) for size in x.shape[2:])
        local = (rows @ x @ columns.T).flatten(2)  # [B, C, cells]
        far = self.conv(local.mean(2).unsqueeze(1)).transpose(1, 2).sigmoid()
        near = self.conv_local(local.transpose(1, 2).flatten(1).unsqueeze(1))
        near = near.unflatten(2, (-1, x.shape[1])).squeeze(1).transpose(1, 2).sigmoid()
        weights = self.local_weight * near + (1 - self.local_weight) * far
        rows, columns = (_pooling(self.grid, size, x) for size in x.shape[2:])
        return x * (rows @ weights.unflatten(2, (self.grid, self.grid)) @ columns.T)


def _pooling(size: int, target: int, like: Tensor) -> Tensor:
    """Return the matrix [target, size] of adaptive average pooling in one direction.

    As a product it can be exported for every pair of sizes; torch's own layer only where one divides the other.
    """
    place = torch.arange(target, device=like.device).unsqueeze(1)
    cell = torch.arange(size, device=like.device)
    begin, end = place * size // target, ((place + 1) * size + target - 1) // target
    return ((cell >= begin) & (cell < end)).to(like.dtype) / (end - begin)
