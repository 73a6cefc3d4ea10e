"""BiFPN: a pyramid that is gone through up and down several times, by weighted sums.

Source: Tan et al., "EfficientDet: Scalable and Efficient Object Detection", CVPR 2020 (arXiv:1911.09070), section 3,
figure 2d.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from yolograft.model.blocks.projection import projection
from yolograft.model.blocks.weighted_fusion import WeightedFusion
from yolograft.model.features import Feature, Scale, pyramid, require_pyramid
from yolograft.upstream.model import Conv


class Node(nn.Module):
    """A weighted sum, the activation, and a depth-wise separable convolution.

    Args:
        maps: Number of maps that it takes.
        width: Channels of each of them.
    """

    def __init__(self, maps: int, width: int) -> None:
        super().__init__()
        self.fuse = WeightedFusion([width] * maps, width)
        self.act = nn.SiLU()
        depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.conv = nn.Sequential(depthwise, Conv(width, width, 1, act=False))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map maps [B, C, H, W] to one of the same shape."""
        return self.conv(self.act(self.fuse(maps)))


class Layer(nn.Module):
    """Once down and once up, with a shortcut from each level's input to its output.

    Args:
        names: Of the levels, the finest first.
        width: Channels of each.
    """

    def __init__(self, names: Sequence[str], width: int) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.down = nn.MaxPool2d(3, 2, 1)
        between = names[1:-1]
        self.tops = nn.ModuleDict({f"top_{name}": Node(2, width) for name in reversed(between)})
        self.outs = nn.ModuleDict({f"out_{name}": Node(3 if name in between else 2, width) for name in names})

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the levels to as many at the same strides and width."""
        tops = [maps[-1]]
        for node, own in zip(self.tops.values(), maps[-2:0:-1], strict=True):
            tops.insert(0, node((own, self.up(tops[0]))))
        first, *nodes = self.outs.values()
        outs = [first((maps[0], self.up(tops[0])))]
        for node, own, top in zip(nodes, maps[1:], tops, strict=True):
            down = self.down(outs[-1])
            outs.append(node((own, down) if own is top else (own, top, down)))
        return outs


class BiFPN(nn.Module):
    """Levels made equally wide, then so many BiFPN layers.

    EfficientDet's head takes levels of equal width; here 1×1 convolutions give each the width that it has behind YOLO's
    neck, so that the head stays as it is.

    Args:
        features: The levels from the context.
        scale: Width and levels.
        repeats: Number of layers, whatever the scale; EfficientDet-D0 has 3.
        width: Channels of every level inside; None: those of P3, 256 at full width.

    Attributes:
        features: The levels as the head gets them, as wide as behind YOLO's neck.

    Raises:
        ValueError: The features are not the levels that were asked for, or a number is below 1.
    """

    def __init__(
        self, features: Sequence[Feature], scale: Scale, *, repeats: int = 3, width: int | None = None
    ) -> None:
        super().__init__()
        require_pyramid(features, scale.levels)
        width = scale.level_channels("P3") if width is None else width
        if repeats < 1 or width < 1:
            raise ValueError(f"needs repeats and width above 0, not {repeats} and {width}")
        self.project = nn.ModuleList(projection(feature.channels, width) for feature in features)
        names = [feature.name.lower() for feature in features]
        self.layers = nn.Sequential(*(Layer(names, width) for _ in range(repeats)))
        widths = [scale.level_channels(feature.name) for feature in features]
        self.expand = nn.ModuleList(projection(width, own) for own in widths)
        self.features = pyramid(widths, scale.levels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the levels, the finest first, to as many fused maps at the same strides."""
        maps = self.layers([project(m) for project, m in zip(self.project, maps, strict=True)])
        return [expand(m) for expand, m in zip(self.expand, maps, strict=True)]
