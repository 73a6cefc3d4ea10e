"""The levels of a feature pyramid, by name: which maps of the image a detector works on."""

from collections.abc import Sequence

STRIDES = {"P2": 4, "P3": 8, "P4": 16, "P5": 32, "P6": 64}
"""Image pixels per cell of each level's map, in each direction."""

DEFAULT_LEVELS = ("P3", "P4", "P5")
"""The levels of ultralytics' detectors."""


def check_levels(levels: Sequence[str]) -> None:
    """Refuse what no pyramid is: every level halves the one before, and there are two of them at least.

    Raises:
        ValueError: A level is unknown or missing in between, the finest is not first, or there is only one.
    """
    known = list(STRIDES)
    start = known.index(levels[0]) if levels and levels[0] in known else len(known)
    if len(levels) < 2 or list(levels) != known[start : start + len(levels)]:
        given = f"[{','.join(map(str, levels)):.60}]"
        raise ValueError(
            f"levels={given}: must be neighbours of {', '.join(known)}, the finest first, as levels=[P2,P3,P4,P5]"
        )


def coarsest_stride(levels: Sequence[str]) -> int:
    """Return the stride of the last level, at least 32: the sides of images are multiples of it, pixels."""
    return max(32, *(STRIDES[level] for level in levels))
