"""The contract between the parts of a detector: named feature maps, and the scale they are built at."""

from collections.abc import Sequence
from dataclasses import dataclass

from yolograft.common.levels import DEFAULT_LEVELS, STRIDES
from yolograft.upstream.model import make_divisible


@dataclass(frozen=True)
class Feature:
    """One level of the pyramid.

    Attributes:
        name: P2 to P6.
        channels: Channels of the map.
        stride: Image pixels per cell of the map, in each direction.
    """

    name: str
    channels: int
    stride: int


# Channels of each level at full width, as in ultralytics' model files; P5 is narrower where P6 is the last level.
_WIDTHS = {"P2": 128, "P3": 256, "P4": 512, "P5": 1024, "P6": 1024}
_P5_BELOW_P6 = 768


@dataclass(frozen=True)
class Scale:
    """Depth and width of a model, as in the `scales` of ultralytics' model files, and its levels.

    Attributes:
        name: n, s, m, l or x.
        depth: Factor on the number of repeated blocks.
        width: Factor on channels.
        max_channels: Ceiling on channels before `width` is applied.
        c3k: Whether every C3k2 block uses the larger C3k inside (stock does so for m, l and x).
        levels: Names of the levels that the detector works on, the finest first.
    """

    name: str
    depth: float
    width: float
    max_channels: int
    c3k: bool
    levels: tuple[str, ...] = DEFAULT_LEVELS

    def channels(self, channels: int) -> int:
        """Return the channels of a layer that has `channels` at full width: capped, scaled, rounded up to 8."""
        return int(make_divisible(min(channels, self.max_channels) * self.width, 8))

    def level_channels(self, level: str) -> int:
        """Return the channels that a level has behind the neck of ultralytics' models: 256 for P3 at full width."""
        return self.channels(_P5_BELOW_P6 if level == "P5" and "P6" in self.levels else _WIDTHS[level])

    def repeats(self, repeats: int) -> int:
        """Return how often a block is repeated that stands `repeats` times at full depth; single ones stay single."""
        return max(round(repeats * self.depth), 1) if repeats > 1 else repeats


def pyramid(channels: Sequence[int], levels: Sequence[str] = DEFAULT_LEVELS) -> tuple[Feature, ...]:
    """Return the levels with these channels and their strides; P3, P4, P5 at 8, 16, 32 unless others are named."""
    return tuple(Feature(name, width, STRIDES[name]) for name, width in zip(levels, channels, strict=True))


def describe(features: Sequence[Feature]) -> str:
    """Return levels as a person reads them: `P3 (stride 8, 64 channels), P4 ...`."""
    return ", ".join(f"{f.name} (stride {f.stride}, {f.channels} channels)" for f in features) or "no levels"


def require_pyramid(features: Sequence[Feature], levels: Sequence[str] = DEFAULT_LEVELS) -> None:
    """Check that the maps are these levels, at their strides, in that order.

    Raises:
        ValueError: They are not. The message starts with "needs", to follow the name of the part that was refused.
    """
    if [(f.name, f.stride) for f in features] != [(name, STRIDES[name]) for name in levels]:
        raise ValueError(f"needs {', '.join(levels)} at strides {', '.join(str(STRIDES[name]) for name in levels)}")
