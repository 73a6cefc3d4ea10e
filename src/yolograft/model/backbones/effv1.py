"""EfficientNet.

Source: Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, built of
timm's blocks.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from timm.layers import get_act_layer
from timm.models._efficientnet_builder import decode_arch_def
from timm.models.efficientnet import EfficientNetFeatures

from yolograft.model.backbones.efficient import (
    EfficientBackbone,
    batch_norm,
    needed_stages,
    out_indices,
    require_multiplier,
    require_variant,
    rounding,
)
from yolograft.model.backbones.pretrained import FullSize, load_pretrained, nearest_wider, require_own_size
from yolograft.model.features import Scale

# Table 1 of the paper, in timm's notation: block, repeats, kernel, stride, expansion, channels, squeeze-and-excite.
STAGES = (
    "ds_r1_k3_s1_e1_c16_se0.25",
    "ir_r2_k3_s2_e6_c24_se0.25",
    "ir_r2_k5_s2_e6_c40_se0.25",
    "ir_r3_k3_s2_e6_c80_se0.25",
    "ir_r3_k5_s1_e6_c112_se0.25",
    "ir_r4_k5_s2_e6_c192_se0.25",
    "ir_r1_k3_s1_e6_c320_se0.25",
)

# Each variant's own width and depth, from the authors' code.
VARIANTS = {
    "b0": (1.0, 1.0),
    "b1": (1.0, 1.1),
    "b2": (1.1, 1.2),
    "b3": (1.2, 1.4),
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
    "b8": (2.2, 3.6),
    "l2": (4.3, 5.3),
}


class EffV1(EfficientBackbone):
    """EfficientNet up to its last block, without the 1×1 convolution and the classifier behind it.

    Args:
        scale: Gives width and depth where they are not given.
        variant: Which EfficientNet.
        width: Factor on the variant's own width.
        depth: Factor on the variant's own depth.
        pretrained: True for timm's weights, which need `width=1 depth=1`; or the path of a file with timm's names.
        pretrained_slice: Take the first channels of each layer of the nearest wider weights.

    Attributes:
        features: The levels; P6 from P5 by a convolution of stride 2.
        pretrained_from: How many tensors were matched, and where; empty without pretrained weights.

    Raises:
        ValueError: There is no such variant, a factor is not above 0, or the pretrained weights do not fit.
    """

    def __init__(
        self,
        scale: Scale,
        *,
        variant: Literal["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "l2"] = "b0",
        width: float | None = None,
        depth: float | None = None,
        pretrained: bool | str = False,
        pretrained_slice: bool = False,
    ) -> None:
        require_variant(variant, VARIANTS)
        width = scale.width if width is None else width
        depth = scale.depth if depth is None else depth
        require_multiplier(width=width, depth=depth)
        require_own_size(pretrained, sliced=pretrained_slice, width=width, depth=depth)
        own_width, own_depth = VARIANTS[variant]
        body = _body(own_width * width, own_depth * depth, scale.levels)
        super().__init__(body, scale)
        weights: str = variant
        if pretrained_slice and pretrained is True:
            weights = nearest_wider(VARIANTS, own_width * width, own_depth * depth)
        self.pretrained_from = load_pretrained(
            self,
            body,
            pretrained,
            f"tf_efficientnet_{weights}",
            sliced=pretrained_slice,
            full=FullSize("backbone.width=1 backbone.depth=1", partial(_body, own_width, own_depth, scale.levels)),
        )


def _body(width: float, depth: float, levels: Sequence[str]) -> EfficientNetFeatures:
    return EfficientNetFeatures(
        decode_arch_def(needed_stages([[stage] for stage in STAGES], levels), depth),
        out_indices=out_indices(levels),
        stem_size=32,
        round_chs_fn=rounding(width),
        act_layer=get_act_layer("swish"),
        norm_layer=batch_norm,
    )
