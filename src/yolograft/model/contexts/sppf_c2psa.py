"""YOLO11's context: spatial pyramid pooling, then position-sensitive attention."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from yolograft.model.features import Feature, Scale, require_pyramid
from yolograft.upstream.model import C2PSA, new_sppf


class SPPFC2PSA(nn.Module):
    """SPPF and C2PSA on the last level: layers 9 and 10 of ultralytics' `yolo11.yaml`.

    Args:
        features: The backbone's levels.
        scale: Depth, width and levels.
        kernel: Kernel of the pooling; odd.
        repeats: Attention blocks at full depth.

    Attributes:
        features: The same levels, the last with the channels that it has behind YOLO's neck (P5 1024, scaled).

    Raises:
        ValueError: The features are not those levels, or the kernel is not odd.
    """

    def __init__(self, features: Sequence[Feature], scale: Scale, *, kernel: int = 5, repeats: int = 2) -> None:
        super().__init__()
        require_pyramid(features, scale.levels)
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"needs an odd kernel, not {kernel}")
        last = features[-1]
        width = scale.level_channels(last.name)
        self.sppf = new_sppf(last.channels, width, kernel)
        self.psa = C2PSA(width, width, scale.repeats(repeats))
        self.features = (*features[:-1], replace(last, channels=width))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps, the last one put into context."""
        return [*maps[:-1], self.psa(self.sppf(maps[-1]))]
