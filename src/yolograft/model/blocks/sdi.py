"""SDI: fusion by multiplication.

Source: Peng et al., "U-Net v2: Rethinking the Skip Connections of U-Net for Medical Image Segmentation", 2023
(arXiv:2311.17791), equations 5 and 6: the module for semantics and detail infusion, without the attention before it.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from yolograft.model.blocks.projection import projection


class SDI(nn.Module):
    """y = ∏_i θ_i(x_i): the Hadamard product of all maps, each smoothed by a 3×3 convolution.

    Args:
        channels: Channels of each map; those of another width pass a 1×1 convolution.
        width: Channels of the product.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(projection(given, width) for given in channels)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map maps [B, C_i, H, W] to [B, width, H, W]."""
        smoothed = [s(p(m)) for s, p, m in zip(self.smooth, self.project, maps, strict=True)]
        product = smoothed[0]
        for factor in smoothed[1:]:
            product = product * factor
        return product
