"""Maps of different width made alike, as every fusion that adds or multiplies needs them."""

from torch import nn

from yolograft.upstream.model import Conv


def projection(c1: int, c2: int) -> nn.Module:
    """Return a 1×1 convolution with batch normalisation and without activation; nothing where the width is right."""
    return nn.Identity() if c1 == c2 else Conv(c1, c2, 1, act=False)
