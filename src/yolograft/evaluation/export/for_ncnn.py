"""Layers that NCNN's converter does not know, in terms of those that it knows."""

from copy import deepcopy

from timm.layers.grn import GlobalResponseNorm
from torch import Tensor, nn

from yolograft.model.detector import Detector


class _ResponseNorm(nn.Module):
    """timm's `GlobalResponseNorm` (ConvNeXt V2) without `addcmul` and `norm`."""

    def __init__(self, layer: GlobalResponseNorm) -> None:
        super().__init__()
        self.spatial, self.channel, self.eps = layer.spatial_dim, layer.channel_dim, layer.eps
        self.weight = nn.Parameter(layer.weight.detach().view(layer.wb_shape))
        self.bias = nn.Parameter(layer.bias.detach().view(layer.wb_shape))

    def forward(self, x: Tensor) -> Tensor:
        length = (x * x).sum(self.spatial, keepdim=True).sqrt()
        response = length / (length.mean(self.channel, keepdim=True) + self.eps)
        return x + (x * response * self.weight + self.bias)


def for_ncnn(model: Detector) -> Detector:
    """Return a copy of a detector that NCNN's converter takes, as far as that is known; it computes the same."""
    model = deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, GlobalResponseNorm):
                setattr(parent, name, _ResponseNorm(child))
    return model
