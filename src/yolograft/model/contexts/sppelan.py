"""YOLOv9's context: spatial pyramid pooling whose steps are all kept."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from yolograft.model.features import Feature, Scale, require_pyramid
from yolograft.upstream.model import SPPELAN


class SPPELANOnly(nn.Module):
    """SPP-ELAN on the last level: y = F₂ [z, p(z), p(p(z)), p(p(p(z)))] with z = F₁ x and p a maximum over k×k cells.

    Source: Wang et al., "YOLOv9: Learning What You Want to Learn Using Programmable Gradient Information", ECCV 2024
    (arXiv:2402.13616); ultralytics' block, in whose model files z has half of the channels of y.

    Args:
        features: The backbone's levels.
        scale: Depth, width and levels.
        kernel: k, odd.

    Attributes:
        features: The same levels, the last with the channels that it has behind YOLO's neck (P5 1024, scaled).

    Raises:
        ValueError: The features are not those levels, or the kernel is not odd.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale, *, kernel: int = 5) -> None:
        super().__init__()
        require_pyramid(features, scale.levels)
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"needs an odd kernel, not {kernel}")
        last = features[-1]
        width = scale.level_channels(last.name)
        self.sppelan = SPPELAN(last.channels, width, width // 2, kernel)
        self.features = (*features[:-1], replace(last, channels=width))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps, the last one pooled at several sizes."""
        return [*maps[:-1], self.sppelan(maps[-1])]
