"""SPD-Conv: down-sampling that loses no pixel.

Source: Sunkara & Luo, "No More Strided Convolutions or Pooling: A New CNN Building Block for Low-Resolution Images and
Small Objects", ECML PKDD 2022 (arXiv:2208.03641), section 3.
"""

from torch import Tensor, nn
from torch.nn import functional

from yolograft.upstream.model import Conv


class SPDConv(nn.Module):
    """Space to depth, then a 3×3 convolution of stride 1.

    Args:
        c1: Input channels.
        c2: Output channels.
    """

    def __init__(self, c1: int, c2: int) -> None:
        super().__init__()
        self.conv = Conv(4 * c1, c2, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H/2, W/2]; H and W even."""
        return self.conv(functional.pixel_unshuffle(x, 2))
