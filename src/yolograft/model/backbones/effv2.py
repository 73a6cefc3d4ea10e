"""EfficientNetV2.

Source: Tan & Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021, built of timm's blocks.
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

# Each variant's stem and stages (table 4 of the paper and the authors' code), in timm's notation: block, repeats,
# kernel, stride, expansion, channels, squeeze-and-excite.
VARIANTS = {
    "s": (
        24,
        (
            "cn_r2_k3_s1_e1_c24_skip",
            "er_r4_k3_s2_e4_c48",
            "er_r4_k3_s2_e4_c64",
            "ir_r6_k3_s2_e4_c128_se0.25",
            "ir_r9_k3_s1_e6_c160_se0.25",
            "ir_r15_k3_s2_e6_c256_se0.25",
        ),
    ),
    "m": (
        24,
        (
            "cn_r3_k3_s1_e1_c24_skip",
            "er_r5_k3_s2_e4_c48",
            "er_r5_k3_s2_e4_c80",
            "ir_r7_k3_s2_e4_c160_se0.25",
            "ir_r14_k3_s1_e6_c176_se0.25",
            "ir_r18_k3_s2_e6_c304_se0.25",
            "ir_r5_k3_s1_e6_c512_se0.25",
        ),
    ),
    "l": (
        32,
        (
            "cn_r4_k3_s1_e1_c32_skip",
            "er_r7_k3_s2_e4_c64",
            "er_r7_k3_s2_e4_c96",
            "ir_r10_k3_s2_e4_c192_se0.25",
            "ir_r19_k3_s1_e6_c224_se0.25",
            "ir_r25_k3_s2_e6_c384_se0.25",
            "ir_r7_k3_s1_e6_c640_se0.25",
        ),
    ),
    "xl": (
        32,
        (
            "cn_r4_k3_s1_e1_c32_skip",
            "er_r8_k3_s2_e4_c64",
            "er_r8_k3_s2_e4_c96",
            "ir_r16_k3_s2_e4_c192_se0.25",
            "ir_r24_k3_s1_e6_c256_se0.25",
            "ir_r32_k3_s2_e6_c512_se0.25",
            "ir_r8_k3_s1_e6_c640_se0.25",
        ),
    ),
}


class EffV2(EfficientBackbone):
    """EfficientNetV2 up to its last block, without the 1×1 convolution and the classifier behind it.

    Args:
        scale: Gives width and depth where they are not given.
        variant: Which EfficientNetV2.
        width: Factor on the variant's channels.
        depth: Factor on the variant's repeats.
        pretrained: True for timm's weights, which need `width=1 depth=1`; or the path of a file with timm's names.
        pretrained_slice: Take the first channels of each layer of the variant's own weights.

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
        variant: Literal["s", "m", "l", "xl"] = "s",
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
        if pretrained_slice and pretrained is True:
            nearest_wider({variant: (1.0, 1.0)}, width, depth)
        body = _body(variant, width, depth, scale.levels)
        super().__init__(body, scale)
        self.pretrained_from = load_pretrained(
            self,
            body,
            pretrained,
            f"tf_efficientnetv2_{variant}",
            sliced=pretrained_slice,
            full=FullSize("backbone.width=1 backbone.depth=1", partial(_body, variant, 1.0, 1.0, scale.levels)),
        )


def _body(variant: str, width: float, depth: float, levels: Sequence[str]) -> EfficientNetFeatures:
    stem, stages = VARIANTS[variant]
    return EfficientNetFeatures(
        decode_arch_def(needed_stages([[stage] for stage in stages], levels), depth),
        out_indices=out_indices(levels),
        stem_size=stem,
        round_chs_fn=rounding(width),
        act_layer=get_act_layer("silu"),
        norm_layer=batch_norm,
    )
