"""A head whose convolutions all levels share.

Source: the shared tower of FCOS (Tian et al., ICCV 2019, arXiv:1904.01355, section 3 and equation 2, with group
normalisation and one learned scale per level), known among users of YOLO as LSCD, "lightweight shared convolutional
detection head".
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from yolograft.model.features import Feature
from yolograft.model.heads.derived import REG_MAX, DerivedDetect


class LSCD(DerivedDetect):
    """Boxes s_l · F_b t(f_l(x_l)) and scores F_c t(f_l(x_l)), where t, F_b and F_c are the same for every level l.

    f_l is a 1×1 convolution to the shared width, t two 3×3 ones, each with group normalisation and SiLU; F_b and F_c
    are 1×1 convolutions, s_l is a learned number. One branch serves boxes and classes.

    Args:
        features: The neck's levels; their strides become the head's.
        nc: Number of classes.
        hidden: The shared width; None: that of the finest level.
        groups: Of the normalisation; fewer where the width cannot be divided so.

    Raises:
        ValueError: There is no class to detect, or a number is below 1.
    """

    def __init__(self, features: Sequence[Feature], nc: int, *, hidden: int | None = None, groups: int = 16) -> None:
        super().__init__(features, nc)
        width = features[0].channels if hidden is None else hidden
        if width < 1 or groups < 1:
            raise ValueError(f"needs hidden and groups of at least 1, not {width} and {groups}")
        groups = math.gcd(groups, width)
        self.stems = nn.ModuleList(_conv(feature.channels, width, 1, groups) for feature in features)
        self.tower = nn.Sequential(_conv(width, width, 3, groups), _conv(width, width, 3, groups))
        self.cv2 = nn.Conv2d(width, 4 * REG_MAX, 1)
        self.cv3 = nn.Conv2d(width, nc, 1)
        self.scales = nn.ParameterList(nn.Parameter(torch.ones(1)) for _ in features)

    def forward_head(self, x: list[Tensor], box_head: nn.Module, cls_head: nn.Module) -> dict[str, Any]:
        """Map the levels to the answer that `Detect` decodes: boxes [B, 64, places], scores [B, nc, places]."""
        seen = [self.tower(stem(level)) for stem, level in zip(self.stems, x, strict=True)]
        boxes = [(box_head(m) * scale).flatten(2) for m, scale in zip(seen, self.scales, strict=True)]
        scores = [cls_head(m).flatten(2) for m in seen]
        return {"boxes": torch.cat(boxes, dim=2), "scores": torch.cat(scores, dim=2), "feats": x}

    def bias_init(self) -> None:
        """Set the biases as `Detect` does; that of the classes to the mean of what it gives its levels."""
        priors = [math.log(5 / self.nc / (640 / stride) ** 2) for stride in self.stride.tolist()]
        for convolution, value in ((self.cv2, 2.0), (self.cv3, sum(priors) / len(priors))):
            nn.init.constant_(convolution.bias, value)  # type: ignore[arg-type]  # it has one


def _conv(c1: int, c2: int, kernel: int, groups: int) -> nn.Sequential:
    convolution = nn.Conv2d(c1, c2, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(groups, c2), nn.SiLU())
