"""MobileNetV3.

Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, built of timm's blocks.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from timm.layers import get_act_layer
from timm.models._efficientnet_blocks import SqueezeExcite
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.mobilenetv3 import MobileNetV3Features
from torch import nn

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

# Tables 1 and 2 of the paper, in timm's notation: block, repeats, kernel, stride, expansion, channels,
# squeeze-and-excite; nre: ReLU instead of hard-swish.
VARIANTS = {
    "large": (
        ("ds_r1_k3_s1_e1_c16_nre",),
        ("ir_r1_k3_s2_e4_c24_nre", "ir_r1_k3_s1_e3_c24_nre"),
        ("ir_r3_k5_s2_e3_c40_se0.25_nre",),
        ("ir_r1_k3_s2_e6_c80", "ir_r1_k3_s1_e2.5_c80", "ir_r2_k3_s1_e2.3_c80"),
        ("ir_r2_k3_s1_e6_c112_se0.25",),
        ("ir_r3_k5_s2_e6_c160_se0.25",),
    ),
    "small": (
        ("ds_r1_k3_s2_e1_c16_se0.25_nre",),
        ("ir_r1_k3_s2_e4.5_c24_nre", "ir_r1_k3_s1_e3.67_c24_nre"),
        ("ir_r1_k5_s2_e4_c40_se0.25", "ir_r2_k5_s1_e6_c40_se0.25"),
        ("ir_r2_k5_s1_e3_c48_se0.25",),
        ("ir_r3_k5_s2_e6_c96_se0.25",),
    ),
}
LAST_CONV = {"large": "cn_r1_k1_s1_c960", "small": "cn_r1_k1_s1_c576"}


class MBV3(EfficientBackbone):
    """MobileNetV3 without its pooling and classifier. Scaled in width only, as its authors do.

    Args:
        scale: Gives the width where it is not given.
        variant: Which MobileNetV3.
        width: Factor on channels.
        last_conv: Whether P5 comes from the last 1×1 convolution (960 or 576 channels at full width), as in the paper's
            tables, or from the bottleneck before it.
        pretrained: True for timm's weights, which need `width=1`; or the path of a file with timm's names.
        pretrained_slice: Take the first channels of each layer of the variant's own weights.

    Attributes:
        features: The levels; P6 from P5 by a convolution of stride 2.
        pretrained_from: How many tensors were matched, and where; empty without pretrained weights.

    Raises:
        ValueError: There is no such variant, the factor is not above 0, or the pretrained weights do not fit.
    """

    def __init__(
        self,
        scale: Scale,
        *,
        variant: Literal["large", "small"] = "large",
        width: float | None = None,
        last_conv: bool = True,
        pretrained: bool | str = False,
        pretrained_slice: bool = False,
    ) -> None:
        require_variant(variant, VARIANTS)
        width = scale.width if width is None else width
        require_multiplier(width=width)
        require_own_size(pretrained, sliced=pretrained_slice, width=width)
        if pretrained_slice and pretrained is True:
            nearest_wider({variant: (1.0, 1.0)}, width, 1.0)
        body = _body(variant, width, last_conv, scale.levels)
        super().__init__(body, scale)
        self.pretrained_from = load_pretrained(
            self,
            body,
            pretrained,
            f"tf_mobilenetv3_{variant}_100",
            sliced=pretrained_slice,
            full=FullSize("backbone.width=1", partial(_body, variant, 1.0, last_conv, scale.levels)),
        )


def _body(variant: str, width: float, last_conv: bool, levels: Sequence[str]) -> MobileNetV3Features:
    stages = [*VARIANTS[variant], (LAST_CONV[variant],)] if last_conv else VARIANTS[variant]
    return MobileNetV3Features(
        decode_arch_def(needed_stages(stages, levels)),
        out_indices=out_indices(levels),
        stem_size=16,
        fix_stem=width < 0.75,  # timm's rule: the stem keeps its 16 channels in narrow networks
        round_chs_fn=rounding(width),
        act_layer=get_act_layer("hard_swish"),
        norm_layer=batch_norm,
        se_layer=partial(SqueezeExcite, gate_layer="hard_sigmoid", force_act_layer=nn.ReLU, rd_round_fn=round_channels),
    )
