"""YOLO11's neck, and the two places where the other necks differ from it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from yolograft.model.features import Feature, Scale, pyramid, require_pyramid
from yolograft.upstream.model import C3k2, Conv


class ConvNeck(nn.Module):
    """The PAN-FPN of ultralytics' `yolo11.yaml` (layers 11 to 22): top-down, then bottom-up.

    With other levels than P3 to P5 it goes on in the same way, as ultralytics' `yolo26-p2.yaml` and `yolo26-p6.yaml`
    do. A place is called by its direction and the level of its map: `top_p4` on the way down, `down_p4` (from P3) and
    `out_p4` on the way up; `out_p3`, or whatever is finest, is where the way turns.

    Subclasses override `block` and `downsample` to build it of other blocks, or `block_at` and `downsample_at` where
    its places differ.

    Args:
        features: The levels from the context.
        scale: Depth, width and levels.

    Attributes:
        features: The levels as the head gets them.

    Raises:
        ValueError: The features are not the levels that were asked for, at their strides.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale) -> None:
        super().__init__()
        require_pyramid(features, scale.levels)
        names = self.names = [feature.name.lower() for feature in features]
        given = [feature.channels for feature in features]
        widths = [scale.level_channels(feature.name) for feature in features]
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        # In stock's order: the same seed then gives the same weights.
        coarser = given[-1]
        for name, own, width in list(zip(names, given, widths, strict=True))[-2::-1]:
            place = self._top(name)
            self.add_module(place, self.block_at(place, coarser + own, width, scale))
            coarser = width
        for finer, name, own, width in zip(widths, names[1:], [*widths[1:-1], given[-1]], widths[1:], strict=False):
            self.add_module(f"down_{name}", self.downsample_at(f"down_{name}", finer))
            self.add_module(f"out_{name}", self.block_at(f"out_{name}", finer + own, width, scale))
        self.features = pyramid(widths, scale.levels)

    def block_at(self, place: str, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return the block at a place; that of the coarsest level has C3k at every scale."""
        return self.block(c1, c2, scale, c3k=scale.c3k or place == f"out_{self.names[-1]}")

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
        """Map the levels, the finest first, to as many fused maps at the same strides."""
        tops = [maps[-1]]
        for name, own in zip(self.names[-2::-1], maps[-2::-1], strict=True):
            fused = torch.cat((self.upsample(tops[0]), own), dim=1)
            tops.insert(0, self.get_submodule(self._top(name))(fused))
        outs = [tops[0]]
        for name, top in zip(self.names[1:], tops[1:], strict=True):
            fused = torch.cat((self.get_submodule(f"down_{name}")(outs[-1]), top), dim=1)
            outs.append(self.get_submodule(f"out_{name}")(fused))
        return outs

    def _top(self, name: str) -> str:
        """Return the place at which a level is fused on the way down."""
        return f"{'out' if name == self.names[0] else 'top'}_{name}"
