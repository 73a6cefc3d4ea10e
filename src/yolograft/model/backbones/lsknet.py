"""LSKNet.

Source: Li et al., "Large selective kernel network for remote sensing object detection", ICCV 2023; layers are named as
in the authors' code.
"""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from timm.layers import DropPath, LayerNorm2d
from torch import Tensor, nn

from yolograft.common.levels import STRIDES
from yolograft.model.backbones.coarser import Coarser, own_levels
from yolograft.model.backbones.efficient import require_variant
from yolograft.model.features import Scale, pyramid

# Table 1 of the paper: channels and blocks of the four stages.
VARIANTS = {"t": ((32, 64, 160, 256), (3, 3, 5, 2)), "s": ((64, 128, 320, 512), (2, 2, 4, 2))}
EXPANSIONS = (8, 8, 4, 4)
SMALL_SCALES = ("n", "s")


class SelectiveKernel(nn.Module):
    """Weighs, at each place, what a kernel of 5 and one of 23 pixels see, and scales the map by it.

    The larger kernel is a dilated one of 7 on top of the smaller (section 3.2 of the paper).

    Args:
        channels: Channels of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.conv_spatial = nn.Conv2d(channels, channels, 7, padding=9, groups=channels, dilation=3)
        self.conv1 = nn.Conv2d(channels, channels // 2, 1)
        self.conv2 = nn.Conv2d(channels, channels // 2, 1)
        self.conv_squeeze = nn.Conv2d(2, 2, 7, padding=3)
        self.conv = nn.Conv2d(channels // 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        near = self.conv0(x)
        near, far = self.conv1(near), self.conv2(self.conv_spatial(near))
        both = torch.cat([near, far], 1)
        pooled = torch.cat([both.mean(1, keepdim=True), both.amax(1, keepdim=True)], 1)
        near_share, far_share = self.conv_squeeze(pooled).sigmoid().chunk(2, 1)
        return x * self.conv(near * near_share + far * far_share)


class Attention(nn.Module):
    """The selective kernel between two 1×1 convolutions, beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj_1 = nn.Conv2d(channels, channels, 1)
        self.activation = nn.GELU()
        self.spatial_gating_unit = SelectiveKernel(channels)
        self.proj_2 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        return x + self.proj_2(self.spatial_gating_unit(self.activation(self.proj_1(x))))


class DepthwiseConv(nn.Module):
    """A 3×3 convolution of each channel by itself, under the name that the authors' code has for it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        return self.dwconv(x)


class FeedForward(nn.Module):
    """Two 1×1 convolutions with a depth-wise one in between."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.dwconv = DepthwiseConv(hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        return self.fc2(self.act(self.dwconv(self.fc1(x))))


class Block(nn.Module):
    """Attention and feed-forward network, each normalised before, scaled after, and added to its input."""

    def __init__(self, channels: int, expansion: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.norm2 = nn.BatchNorm2d(channels)
        self.attn = Attention(channels)
        self.mlp = FeedForward(channels, channels * expansion)
        self.drop_path = DropPath(drop_path)
        self.layer_scale_1 = nn.Parameter(torch.full((channels,), 0.01))
        self.layer_scale_2 = nn.Parameter(torch.full((channels,), 0.01))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        x = x + self.drop_path(self.layer_scale_1[:, None, None] * self.attn(self.norm1(x)))
        return x + self.drop_path(self.layer_scale_2[:, None, None] * self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    """A convolution that halves a map's sides, or quarters them, and its normalisation."""

    def __init__(self, inputs: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, channels, kernel, stride, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, channels, H / stride, W / stride]."""
        return self.norm(self.proj(x))


class LSKNet(nn.Module):
    """LSKNet in one of its two sizes; P6 is P5 after a convolution of stride 2.

    Args:
        scale: Its levels; chooses the variant where none is given: t for n and s, else s.
        variant: The size.
        drop_path: How often the last block is left out in training; the others less often, the earlier the less.

    Attributes:
        coarser: What makes the levels beyond stride 32.
        features: The levels.

    Raises:
        ValueError: There is no such variant.
    """

    def __init__(
        self,
        scale: Scale,
        *,
        variant: Literal["t", "s"] | None = None,
        drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        size = variant or ("t" if scale.name in SMALL_SCALES else "s")
        require_variant(size, VARIANTS)
        own = own_levels(scale.levels)
        # A stage for each stride from 4 up to the coarsest level that is asked for.
        self.stages = int(math.log2(STRIDES[own[-1]])) - 1
        channels, depths = (values[: self.stages] for values in VARIANTS[size])
        rates = iter(torch.linspace(0, drop_path, sum(depths), device="cpu").tolist())
        inputs = 3
        for stage, (width, depth) in enumerate(zip(channels, depths, strict=True)):
            kernel, stride = (7, 4) if stage == 0 else (3, 2)
            blocks = [Block(width, EXPANSIONS[stage], next(rates)) for _ in range(depth)]
            self.add_module(f"patch_embed{stage + 1}", PatchEmbed(inputs, width, kernel, stride))
            self.add_module(f"block{stage + 1}", nn.ModuleList(blocks))
            self.add_module(f"norm{stage + 1}", LayerNorm2d(width, eps=1e-6))
            inputs = width
        self.first = self.stages - len(own)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        self.coarser = Coarser(scale, channels[-1])
        self.features = pyramid([*channels[self.first :], *self.coarser.channels], scale.levels)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images [B, 3, H, W] to the levels, each [B, C, H / stride, W / stride]."""
        x, maps = image, []
        for stage in range(1, self.stages + 1):
            x = self.get_submodule(f"patch_embed{stage}")(x)
            for block in self.get_submodule(f"block{stage}").children():
                x = block(x)
            x = self.get_submodule(f"norm{stage}")(x)
            maps.append(x)
        return self.coarser(maps[self.first :])
