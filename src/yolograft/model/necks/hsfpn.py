"""HS-FPN: coarse levels choose what passes of the finer ones.

Source: Chen et al., "Accurate leukocyte detection based on deformable-DETR and multi-level feature fusion for aiding
diagnosis of blood diseases", Computers in Biology and Medicine 170, 2024 (MFDS-DETR), section 3.2.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from yolograft.model.features import Feature, Scale, pyramid, require_pyramid
from yolograft.upstream.model import C3k2


class ChannelWeights(nn.Module):
    """σ(MLP(average of the map) + MLP(maximum of the map)): a weight in 0…1 for each channel.

    Args:
        channels: Channels of the map.
        reduction: Factor by which the hidden layer is narrower.
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.average, self.maximum = nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False), nn.ReLU(), nn.Conv2d(hidden, channels, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, C, 1, 1]."""
        return (self.mlp(self.average(x)) + self.mlp(self.maximum(x))).sigmoid()


class HSFPN(nn.Module):
    """Each level is weighed by itself and made equally wide; from the coarsest down, selective fusion follows.

    Selective fusion: the coarser map, up-sampled by a transposed convolution, weighs the channels of the finer one and
    is added to it: f = f_low ⊙ CA(T(f_high)) + T(f_high). A block follows at each level.

    Args:
        features: The levels from the context.
        scale: Depth, width and levels.
        width: Channels of every level inside; None: those of P3, 256 at full width.

    Attributes:
        features: The levels as the head gets them, as wide as behind YOLO's neck.

    Raises:
        ValueError: The features are not the levels that were asked for, or the width is below 1.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale, *, width: int | None = None) -> None:
        super().__init__()
        require_pyramid(features, scale.levels)
        width = scale.level_channels("P3") if width is None else width
        if width < 1:
            raise ValueError(f"needs a width above 0, not {width}")
        widths = [scale.level_channels(feature.name) for feature in features]
        self.select = nn.ModuleList(ChannelWeights(feature.channels) for feature in features)
        self.match = nn.ModuleList(nn.Conv2d(feature.channels, width, 1) for feature in features)
        finer = features[:-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(width, width, 3, 2, 1, output_padding=1) for _ in finer)
        self.weigh = nn.ModuleList(ChannelWeights(width) for _ in finer)
        self.blocks = nn.ModuleList(C3k2(width, c, scale.repeats(2), scale.c3k) for c in widths)
        self.features = pyramid(widths, scale.levels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the levels, the finest first, to as many fused maps at the same strides."""
        *finer, coarse = (match(m * select(m)) for select, match, m in zip(self.select, self.match, maps, strict=True))
        fused = [coarse]
        for up, weigh, low in zip(reversed(self.up), reversed(self.weigh), reversed(finer), strict=True):
            high = up(fused[0])
            fused.insert(0, low * weigh(high) + high)
        return [block(m) for block, m in zip(self.blocks, fused, strict=True)]
