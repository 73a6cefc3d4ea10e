"""The contract between the parts of a detector: named feature maps, and the scale they are built at."""

from collections.abc import Sequence
from dataclasses import dataclass

from yolograft.upstream.model import make_divisible


@dataclass(frozen=True)
class Feature:
    """One level of the pyramid.

    Attributes:
        name: P3, P4 or P5.
        channels: Channels of the map.
        stride: Image pixels per cell of the map, in each direction.
    """

    name: str
    channels: int
    stride: int


@dataclass(frozen=True)
class Scale:
    """Depth and width of a model, as in the `scales` of ultralytics' model files.

    Attributes:
        name: n, s, m, l or x.
        depth: Factor on the number of repeated blocks.
        width: Factor on channels.
        max_channels: Ceiling on channels before `width` is applied.
        c3k: Whether every C3k2 block uses the larger C3k inside (stock does so for m, l and x).
    """

    name: str
    depth: float
    width: float
    max_channels: int
    c3k: bool

    def channels(self, channels: int) -> int:
        """Return the channels of a layer that has `channels` at full width: capped, scaled, rounded up to 8."""
        return int(make_divisible(min(channels, self.max_channels) * self.width, 8))

    def repeats(self, repeats: int) -> int:
        """Return how often a block is repeated that stands `repeats` times at full depth; single ones stay single."""
        return max(round(repeats * self.depth), 1) if repeats > 1 else repeats


LEVELS = (("P3", 8), ("P4", 16), ("P5", 32))


def pyramid(channels: Sequence[int]) -> tuple[Feature, ...]:
    """Return P3, P4, P5 at strides 8, 16, 32 with these channels."""
    return tuple(Feature(name, width, stride) for (name, stride), width in zip(LEVELS, channels, strict=True))


def describe(features: Sequence[Feature]) -> str:
    """Return levels as a person reads them: `P3 (stride 8, 64 channels), P4 ...`."""
    return ", ".join(f"{f.name} (stride {f.stride}, {f.channels} channels)" for f in features) or "no levels"


def require_pyramid(features: Sequence[Feature]) -> None:
    """Check that the maps are P3, P4, P5 at strides 8, 16, 32, in that order.

    Raises:
        ValueError: They are not. The message starts with "needs", to follow the name of the part that was refused.
    """
    if tuple((f.name, f.stride) for f in features) != LEVELS:
        names = ", ".join(name for name, _ in LEVELS)
        raise ValueError(f"needs {names} at strides {', '.join(str(stride) for _, stride in LEVELS)}")
