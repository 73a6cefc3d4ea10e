"""A simple attention without parameters.

Source: Yang et al., "SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural Networks", ICML 2021.
"""

from torch import Tensor, nn


class SimAM(nn.Module):
    """y = x · sigmoid(1 / e) with 1 / e = (x - μ)² / (4 (σ² + λ)) + 1/2 (eq. 5 and 6): what stands out weighs more.

    μ and σ² are a channel's mean and variance over its cells, the latter, as in the authors' code, over all but one.

    Args:
        channels: Not used; every attention is built the same way.
        regularization: λ.

    Raises:
        ValueError: λ is not above 0.
    """

    def __init__(self, channels: int, *, regularization: float = 1e-4) -> None:
        super().__init__()
        if not regularization > 0:
            raise ValueError(f"needs a regularization above 0, not {regularization:g}")
        self.regularization = regularization

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        deviation = (x - x.mean((2, 3), keepdim=True)).square()
        others = max(x.shape[2] * x.shape[3] - 1, 1)
        variance = deviation.sum((2, 3), keepdim=True) / others
        return x * (deviation / (4 * (variance + self.regularization)) + 0.5).sigmoid()
