"""YOLO11's neck, and the two places where the other necks differ from it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from yolograft.model.features import Feature, Scale, pyramid, require_pyramid
from yolograft.upstream.model import C3k2, Conv


class ConvNeck(nn.Module):
    """The PAN-FPN of ultralytics' `yolo11.yaml` (layers 11 to 22): top-down, then bottom-up.

    With other levels than P3 to P5 it goes on in the same way, as ultralytics' `yolo26-p2.yaml` and `yolo26-p6.yaml`
    do. A layer is called by its direction and the level of its map: `top_p4` on the way down, `down_p4` (from P3) and
    `out_p4` on the way up.

    Subclasses override `block` and `downsample` to build it of other blocks.

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
        names = [feature.name.lower() for feature in features]
        given = [feature.channels for feature in features]
        widths = [scale.level_channels(feature.name) for feature in features]
        self.names = names
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        # In stock's order: the same seed then gives the same weights.
        channels = given[-1]
        for i in range(len(names) - 2, -1, -1):
            self.add_module(
                f"{'top' if i else 'out'}_{names[i]}", self.block(channels + given[i], widths[i], scale, c3k=scale.c3k)
            )
            channels = widths[i]
        for i in range(1, len(names)):
            last = i == len(names) - 1
            self.add_module(f"down_{names[i]}", self.downsample(widths[i - 1]))
            beside = given[i] if last else widths[i]
            self.add_module(
                f"out_{names[i]}", self.block(widths[i - 1] + beside, widths[i], scale, c3k=last or scale.c3k)
            )
        self.features = pyramid(widths, scale.levels)

    def block(self, c1: int, c2: int, scale: Scale, *, c3k: bool) -> nn.Module:
        """Return the block that fuses two concatenated levels, from `c1` channels in all to `c2`."""
        return C3k2(c1, c2, scale.repeats(2), c3k)

    def downsample(self, channels: int) -> nn.Module:
        """Return the layer that halves a map's sides on the way up."""
        return Conv(channels, channels, 3, 2)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the levels, the finest first, to as many fused maps at the same strides."""
        last = len(maps) - 1
        tops = [*maps]
        for i in range(last - 1, -1, -1):
            block = self.get_submodule(f"{'top' if i else 'out'}_{self.names[i]}")
            tops[i] = block(torch.cat((self.upsample(tops[i + 1]), maps[i]), dim=1))
        outs = [tops[0]]
        for name, top in zip(self.names[1:], tops[1:], strict=True):
            down = self.get_submodule(f"down_{name}")(outs[-1])
            outs.append(self.get_submodule(f"out_{name}")(torch.cat((down, top), dim=1)))
        return outs
