"""The block of the dynamic head: attention over levels, over places and over channels.

Source: Dai et al., "Dynamic Head: Unifying Object Detection Heads with Attentions", CVPR 2021 (arXiv:2106.08322), and
the authors' code. There, a coarser level is convolved by the offsets of a finer one before it is enlarged, although the
sizes differ; here it is enlarged first.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from yolograft.model.blocks.deformable import deformable

_REDUCTION = 4


class DyHeadBlock(nn.Module):
    """For each level l: y = DyReLU(mean over its neighbours j of s(d_j) · d_j), where d_j = GN(deformable(x_j)).

    Neighbours are l itself, the next finer level (by stride 2) and the next coarser one (enlarged bilinearly). All are
    sampled at the same offsets and masks, which a 3×3 convolution sees in x_l; each kind has its own weights, which all
    levels share. s(d) = hard_sigmoid(relu(w · mean(d))) is one number (eq. 3 to 5).

    Args:
        width: Channels of every level.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.predict = nn.Conv2d(width, 27, 3, padding=1)
        nn.init.zeros_(self.predict.weight)
        nn.init.zeros_(self.predict.bias)  # type: ignore[arg-type]  # it has one
        self.finer, self.same, self.coarser = (_Sampled(width) for _ in range(3))
        self.scale = nn.Sequential(nn.Conv2d(width, 1, 1), nn.ReLU(), nn.Hardsigmoid())
        self.task = DyReLU(width)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Map levels [B, width, H, W], the finest first, to the same."""
        done = []
        for place, own in enumerate(maps):
            offset, logits = self.predict(own).split((18, 9), dim=1)
            mask = logits.sigmoid()
            seen = [self.same(own, offset, mask)]
            if place > 0:
                seen.append(self.finer(maps[place - 1], offset, mask, stride=2))
            if place + 1 < len(maps):
                larger = functional.interpolate(maps[place + 1], own.shape[2:], mode="bilinear", align_corners=True)
                seen.append(self.coarser(larger, offset, mask))
            weighted = [m * self.scale(m.mean((2, 3), keepdim=True)) for m in seen]
            done.append(self.task(torch.stack(weighted).mean(0)))
        return done


class _Sampled(nn.Module):
    """A 3×3 deformable convolution of given offsets, with group normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, width, 3, 3))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        self.norm = nn.GroupNorm(math.gcd(16, width), width)

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor, stride: int = 1) -> Tensor:
        """Map [B, width, H, W] to [B, width, H', W'], the size of the offsets."""
        return self.norm(deformable(x, offset, mask, self.weight, stride))


class DyReLU(nn.Module):
    """y = max(a₁ x + b₁, a₂ x + b₂) with the four numbers of each channel from the means of all.

    (a₁, b₁, a₂, b₂) = (1, 0, 0, 0) + (2, 1, 2, 1) · (hard_sigmoid(W₂ relu(W₁ mean(x))) - 1/2).

    Source: Chen et al., "Dynamic ReLU", ECCV 2020 (arXiv:2003.10027), form B.

    Args:
        width: Channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = max(width // _REDUCTION, 1)
        self.see = nn.Sequential(
            nn.Conv2d(width, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, 4 * width, 1), nn.Hardsigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, width, H, W] to the same shape."""
        a1, b1, a2, b2 = (self.see(x.mean((2, 3), keepdim=True)) - 0.5).chunk(4, dim=1)
        return torch.maximum(x * (2 * a1 + 1) + b1, x * 2 * a2 + b2)
