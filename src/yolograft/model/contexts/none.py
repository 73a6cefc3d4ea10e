"""No context: P5 goes to the neck as the backbone made it."""

from collections.abc import Sequence

from torch import Tensor, nn

from yolograft.model.features import Feature, Scale


class NoContext(nn.Module):
    """Pass every level through.

    Args:
        features: The backbone's levels.
        scale: Not used; every context is built the same way.

    Attributes:
        features: The same levels.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale) -> None:
        super().__init__()
        self.features = tuple(features)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps as they are."""
        return maps
