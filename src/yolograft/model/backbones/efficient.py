"""What the EfficientNets and MobileNetV3 share: timm's builder, without anything after the last bottleneck."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from timm.models._efficientnet_builder import round_channels
from torch import Tensor, nn

from yolograft.common.levels import STRIDES
from yolograft.model.backbones.coarser import Coarser, own_levels
from yolograft.model.backbones.image_input import ImageInput
from yolograft.model.features import Feature, Scale, pyramid

# TensorFlow's EfficientNets, timm's `tf_` weights and ultralytics agree on eps; the momentum is ultralytics'.
batch_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.03)


def out_indices(levels: Sequence[str]) -> tuple[int, ...]:
    """Return the builder's numbers for the levels that the network has itself; it counts from stride 2 upwards."""
    return tuple(STRIDES[level].bit_length() - 2 for level in own_levels(levels))


def needed_stages(stages: Sequence[Sequence[str]], levels: Sequence[str]) -> list[list[str]]:
    """Return a network's stages, in timm's notation, up to the last one at the stride of the coarsest level."""
    stride, kept = 2, []
    for stage in stages:
        stride *= 2 if "_s2_" in stage[0] else 1
        if stride <= STRIDES[levels[-1]]:
            kept.append(list(stage))
    return kept


def rounding(width: float) -> partial[int]:
    """Return the channel rule: times `width`, to the nearest multiple of 8, never below 90 % of the product."""
    return partial(round_channels, multiplier=width)


def require_variant(variant: str, variants: Collection[str]) -> None:
    """Refuse a variant that does not exist.

    Raises:
        ValueError: It is none of them.
    """
    if variant not in variants:
        raise ValueError(f"no variant '{variant}'; there are {', '.join(variants)}")


def require_multiplier(**multipliers: float) -> None:
    """Refuse a multiplier that is not above zero, or far beyond what any network has.

    Raises:
        ValueError: One is not.
    """
    for name, value in multipliers.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, not {value:g}")
        if value > 64:
            raise ValueError(f"{name} must be at most 64, not {value:g}")


class EfficientBackbone(ImageInput):
    """A timm feature network behind the project's contract.

    Convolutions pad symmetrically. The weights that timm publishes as `tf_` were trained with TensorFlow's lopsided
    padding, which shifts a map by a pixel at each stride; fine-tuning makes up for it, and a symmetric network exports
    and counts as plain convolutions.

    Args:
        body: timm's `EfficientNetFeatures` or `MobileNetV3Features`, built with `needed_stages` and `out_indices`.
        scale: Width and levels.

    Attributes:
        body: The network; its tensors are named as in timm.
        coarser: What makes the levels beyond stride 32.
        features: The levels.
    """

    features: tuple[Feature, ...]

    def __init__(self, body: nn.Module, scale: Scale) -> None:
        super().__init__()
        self.body = body
        channels = _channels(body, own_levels(scale.levels))
        self.coarser = Coarser(scale, channels[-1])
        self.features = pyramid([*channels, *self.coarser.channels], scale.levels)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images [B, 3, H, W] of 0…1 to the levels."""
        return self.coarser(list(self.body(self.normalized(image))))


def _channels(body: nn.Module, levels: Sequence[str]) -> Sequence[int]:
    """Return the channels of the network's own levels."""
    info: Any = body.feature_info
    assert info.reduction() == [STRIDES[level] for level in levels], info.reduction()  # a fault of ours
    return info.channels()
