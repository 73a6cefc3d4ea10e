"""YOLO12's block of area attention."""

from typing import Any

from yolograft.upstream.model import A2C2f

_HEAD = 32
"""Channels of a head of its attention; half of the block's channels are hidden ones."""


def new_a2c2f(c1: int, c2: int, n: int, **options: Any) -> A2C2f:
    """Return ultralytics' A2C2f.

    Args:
        c1: Input channels.
        c2: Output channels.
        n: Repeats.
        options: `a2`, `area`, `residual` and `mlp_ratio`, as of A2C2f.

    Raises:
        ValueError: Its heads do not fit into its channels. The message follows the name of the part.
    """
    if c2 % (2 * _HEAD):
        raise ValueError(f"needs blocks of a multiple of {2 * _HEAD} channels, not {c2}; choose another scale.width")
    return A2C2f(c1, c2, n, **options)
