"""ultralytics' blocks with another convolution inside: the second 3×3 one of each bottleneck is replaced."""

from collections.abc import Callable

from torch import nn

from yolograft.upstream.model import Bottleneck, C2f, C3k2, RepCSP

Inner = Callable[[int, int], nn.Module]
"""Makes a layer from so many channels to so many."""


class InnerC3k2(C3k2):
    """A C3k2 with another convolution in its bottlenecks. A class of its own, so that it takes no weights of C3k2's.

    Args:
        inner: Makes the convolution.
        c1: Input channels.
        c2: Output channels.
        n: Number of bottlenecks.
        c3k: Use C3k blocks, of two bottlenecks each.
    """

    def __init__(self, inner: Inner, c1: int, c2: int, n: int, c3k: bool) -> None:
        super().__init__(c1, c2, n, c3k)
        _replace(self, inner)


class InnerC2f(C2f):
    """A C2f with another convolution in its bottlenecks.

    Args:
        inner: Makes the convolution.
        c1: Input channels.
        c2: Output channels.
        n: Number of bottlenecks.
    """

    def __init__(self, inner: Inner, c1: int, c2: int, n: int) -> None:
        super().__init__(c1, c2, n)
        _replace(self, inner)


class InnerRepCSP(RepCSP):
    """A RepCSP with another convolution in its bottlenecks, behind the re-parameterised one.

    Args:
        inner: Makes the convolution.
        c1: Input channels.
        c2: Output channels.
        n: Number of bottlenecks.
    """

    def __init__(self, inner: Inner, c1: int, c2: int, n: int) -> None:
        super().__init__(c1, c2, n)
        _replace(self, inner)


def _replace(block: nn.Module, inner: Inner) -> None:
    for module in block.modules():
        if isinstance(module, Bottleneck):
            replaced = module.cv2.conv
            module.cv2 = inner(replaced.in_channels, replaced.out_channels)
