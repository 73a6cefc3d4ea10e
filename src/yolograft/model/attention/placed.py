"""Attention between two parts: on the levels that are named, and on no other."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from yolograft.config.places import COARSEST
from yolograft.model.features import Feature


class PlacedAttention(nn.Module):
    """An attention for each of some levels; the others pass through.

    Args:
        features: The levels of the part that it follows.
        levels: The names of those that get one; None for all, (`COARSEST`,) for the coarsest.
        build: Makes the attention of a map from its channels.

    Attributes:
        features: The same levels.
        on: The attention by name of level.

    Raises:
        ValueError: The part does not give such a level.
    """

    def __init__(
        self, features: Sequence[Feature], levels: Sequence[str] | None, build: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        self.features = tuple(features)
        names = [feature.name for feature in features]
        wanted = names if levels is None else [names[-1] if level == COARSEST else level for level in levels]
        if missing := [level for level in wanted if level not in names]:
            raise ValueError(f"names {missing[0]}")
        self.on = nn.ModuleDict({f.name: build(f.channels) for f in features if f.name in wanted})

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the levels to the same levels."""
        named = zip((feature.name for feature in self.features), maps, strict=True)
        return [self.on[name](m) if name in self.on else m for name, m in named]
