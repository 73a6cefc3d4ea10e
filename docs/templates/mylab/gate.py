"""A channel gate on the last level: copy this file, and context/gate.yaml."""

from collections.abc import Sequence

from torch import Tensor, nn

from yolograft.model.features import Feature, Scale


class Gate(nn.Module):
    """Weigh the channels of the last level by what the whole map holds (squeeze and excitation).

    Args:
        features: The levels as the backbone gives them.
        scale: Depth and width; not needed here.
        reduction: Factor by which the gate's hidden layer is narrower than the level.

    Attributes:
        features: The same levels: no map changes its channels.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale, *, reduction: int = 4) -> None:
        super().__init__()
        channels = features[-1].channels
        hidden = max(channels // reduction, 8)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.SiLU(),
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )
        self.features = tuple(features)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps, the last one's channels weighed."""
        return [*maps[:-1], maps[-1] * self.gate(maps[-1])]
