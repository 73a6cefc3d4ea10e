"""Large separable kernel attention.

Source: Lau et al., "Large Separable Kernel Attention: Rethinking the Large Kernel Attention Design in CNN", Expert
Systems with Applications 236, 2024 (arXiv:2309.01439), and the authors' code, after which the layers are named.
"""

from torch import Tensor, nn

# Kernel of the whole: kernel of the first pair, kernel of the dilated pair, dilation (the authors' code).
_KERNELS = {7: (3, 3, 2), 11: (3, 5, 2), 23: (5, 7, 3), 35: (5, 11, 3), 41: (5, 13, 3), 53: (5, 17, 3)}


class LSKA(nn.Module):
    """y = x · F₁ D_v D_h V H x: a k×k depth-wise kernel in four strips, the last two dilated (eq. 10 to 13).

    H and V are a horizontal and a vertical strip, D_h and D_v dilated ones, F₁ a 1×1 convolution.

    Args:
        channels: Of the map.
        kernel: k.

    Raises:
        ValueError: There is no such kernel.
    """

    def __init__(self, channels: int, *, kernel: int = 11) -> None:
        super().__init__()
        if kernel not in _KERNELS:
            raise ValueError(f"no kernel {kernel}; there are {', '.join(map(str, _KERNELS))}")
        near, far, dilation = _KERNELS[kernel]
        self.conv0h = _strip(channels, (1, near))
        self.conv0v = _strip(channels, (near, 1))
        self.conv_spatial_h = _strip(channels, (1, far), dilation)
        self.conv_spatial_v = _strip(channels, (far, 1), dilation)
        self.conv1 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        weights = self.conv0v(self.conv0h(x))
        weights = self.conv_spatial_v(self.conv_spatial_h(weights))
        return x * self.conv1(weights)


def _strip(channels: int, kernel: tuple[int, int], dilation: int = 1) -> nn.Conv2d:
    padding = (kernel[0] // 2 * dilation, kernel[1] // 2 * dilation)
    return nn.Conv2d(channels, channels, kernel, padding=padding, dilation=dilation, groups=channels)
