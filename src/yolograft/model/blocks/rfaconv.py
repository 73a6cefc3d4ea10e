"""RFAConv: a convolution whose kernel weighs the pixels of its own receptive field anew at every place.

Source: Zhang et al., "RFAConv: Innovating Spatial Attention and Standard Convolutional Operation", 2023
(arXiv:2304.03198), section 3.3 and equation 7.
"""

import torch
from torch import Tensor, nn

from yolograft.upstream.model import Conv


class RFAConv(nn.Module):
    """F = softmax(g(AvgPool(X))) ⊙ ReLU(Norm(g(X))), and a convolution over the k² features of each place.

    The authors lay the features of a place out as k×k pixels and pass a k×k convolution of stride k over them. That is
    a 1×1 convolution over k² times the channels, of the same parameters, which needs no map of k times the sides.

    Args:
        c1: Input channels.
        c2: Output channels.
        kernel: k; odd.
    """

    def __init__(self, c1: int, c2: int, kernel: int = 3) -> None:
        super().__init__()
        self.area = kernel**2
        self.weigh = nn.Sequential(
            nn.AvgPool2d(kernel, stride=1, padding=kernel // 2),
            nn.Conv2d(c1, c1 * self.area, 1, groups=c1, bias=False),
        )
        self.generate = Conv(c1, c1 * self.area, kernel, g=c1, act=nn.ReLU())
        self.conv = Conv(c1 * self.area, c2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c1, H, W] to [B, c2, H, W]."""
        weights = self.weigh(x).unflatten(1, (x.shape[1], self.area)).softmax(dim=2)
        features = self.generate(x).unflatten(1, (x.shape[1], self.area))
        return self.conv(torch.mul(weights, features).flatten(1, 2))
