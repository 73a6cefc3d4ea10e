"""DySample: up-sampling by learned places to sample at.

Source: Liu et al., "Learning to Upsample by Learning to Sample", ICCV 2023 (arXiv:2308.15085): the variant LP with a
static range (section 3.2), as in the authors' code.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class DySample(nn.Module):
    """Double a map's sides: each new pixel is sampled bilinearly where a 1×1 convolution says.

    Place = its own centre + 0.25 · offset, in pixels of the input (equations 4 and 5); at first the offsets are almost
    zero, which is bilinear up-sampling.

    Args:
        channels: Channels of the map.
        groups: Groups of channels with offsets of their own.

    Raises:
        ValueError: The groups do not divide the channels.
    """

    def __init__(self, channels: int, groups: int = 4) -> None:
        super().__init__()
        if channels % groups:
            raise ValueError(f"DySample needs channels that {groups} groups divide, not {channels}")
        self.groups = groups
        self.offset = nn.Conv2d(channels, 2 * groups * 4, 1)
        nn.init.normal_(self.offset.weight, std=0.001)
        nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, C, 2H, 2W]."""
        height, width = x.shape[2:]
        # [B, 2, groups, 2H, 2W] in pixels of the input: how far right, and how far down. In fp32, as all places are: in
        # bf16 those of wide maps would be another pixel's.
        offset = functional.pixel_shuffle(0.25 * self.offset(x).float(), 2).unflatten(1, (2, self.groups))
        right = self._centres(width, offset) + offset[:, 0]
        down = self._centres(height, offset)[:, None] + offset[:, 1]
        places = torch.stack((2 * right / width - 1, 2 * down / height - 1), dim=-1).flatten(0, 1)
        sampled = functional.grid_sample(
            x.float().unflatten(1, (self.groups, x.shape[1] // self.groups)).flatten(0, 1),
            places,
            mode="bilinear",
            padding_mode="border",
            align_corners=False,
        )
        return sampled.to(x.dtype).unflatten(0, (-1, self.groups)).flatten(1, 2)  # of any number of images

    @staticmethod
    def _centres(cells: int, x: Tensor) -> Tensor:
        """Return the centres of the new pixels along a side of so many old ones, in old pixels."""
        return (torch.arange(2 * cells, device=x.device, dtype=x.dtype) + 0.5) / 2
