"""YOLO11's neck, and the two places where the other necks differ from it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from yolograft.model.features import Feature, Scale, pyramid, require_pyramid
from yolograft.upstream.model import C3k2, Conv


class ConvNeck(nn.Module):
    """The PAN-FPN of ultralytics' `yolo11.yaml` (layers 11 to 22): top-down, then bottom-up.

    Subclasses override `block` and `downsample` to build it of other blocks, or `block_at` and `downsample_at` where
    its places differ.

    Args:
        features: P3, P4, P5 from the context.
        scale: Depth and width.

    Attributes:
        features: P3, P4, P5 as the head gets them.

    Raises:
        ValueError: The features are not P3, P4, P5 at strides 8, 16, 32.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale) -> None:
        super().__init__()
        require_pyramid(features)
        p3, p4, p5 = (feature.channels for feature in features)
        c3, c4, c5 = (scale.channels(c) for c in (256, 512, 1024))
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        # In stock's order: the same seed then gives the same weights.
        self.top_p4 = self.block_at("top_p4", p5 + p4, c4, scale)
        self.out_p3 = self.block_at("out_p3", c4 + p3, c3, scale)
        self.down_p4 = self.downsample_at("down_p4", c3)
        self.out_p4 = self.block_at("out_p4", c3 + c4, c4, scale)
        self.down_p5 = self.downsample_at("down_p5", c4)
        self.out_p5 = self.block_at("out_p5", c4 + p5, c5, scale)
        self.features = pyramid((c3, c4, c5))

    def block_at(self, place: str, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return the block at a place: `top_p4`, `out_p3`, `out_p4` or `out_p5`, which has C3k at every scale."""
        return self.block(c1, c2, scale, c3k=scale.c3k or place == "out_p5")

    def downsample_at(self, place: str, channels: int) -> nn.Module:
        """Return the down-sampling layer at a place: `down_p4` or `down_p5`."""
        return self.downsample(channels)

    def block(self, c1: int, c2: int, scale: Scale, *, c3k: bool) -> nn.Module:
        """Return the block that fuses two concatenated levels, from `c1` channels in all to `c2`."""
        return C3k2(c1, c2, scale.repeats(2), c3k)

    def downsample(self, channels: int) -> nn.Module:
        """Return the layer that halves a map's sides on the way up."""
        return Conv(channels, channels, 3, 2)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map [P3, P4, P5] to three fused maps at the same strides."""
        p3, p4, p5 = maps
        top_p4 = self.top_p4(torch.cat((self.upsample(p5), p4), dim=1))
        out_p3 = self.out_p3(torch.cat((self.upsample(top_p4), p3), dim=1))
        out_p4 = self.out_p4(torch.cat((self.down_p4(out_p3), top_p4), dim=1))
        out_p5 = self.out_p5(torch.cat((self.down_p5(out_p4), p5), dim=1))
        return [out_p3, out_p4, out_p5]
