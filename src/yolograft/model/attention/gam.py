"""Global attention mechanism.

Source: Liu et al., "Global Attention Mechanism: Retain Information to Enhance Channel-Spatial Interactions", 2021
(arXiv:2112.05561).
"""

from torch import Tensor, nn

from yolograft.model.attention.options import hidden_channels


class GAM(nn.Module):
    """y = x · sigmoid(MLP(x)), z = y · sigmoid(BN(w₂ ∗ relu(BN(w₁ ∗ y)))): nothing is pooled (fig. 1 to 3).

    The MLP is over the channels of each cell; w₁ and w₂ are 7×7 convolutions, which cost much: at 128 channels, 400,000
    parameters.

    Args:
        channels: Of the map.
        reduction: Channels for each one of both bottlenecks.
    """

    def __init__(self, channels: int, *, reduction: int = 4) -> None:
        super().__init__()
        hidden = hidden_channels(channels, reduction)
        self.channel = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1))
        self.spatial = nn.Sequential(
            nn.Conv2d(channels, hidden, 7, padding=3, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 7, padding=3, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        x = x * self.channel(x).sigmoid()
        return x * self.spatial(x).sigmoid()
