"""What the EfficientNets and MobileNetV3 share: timm's builder, without anything after the last bottleneck."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from timm.models._efficientnet_builder import round_channels
from torch import Tensor, nn

from yolograft.model.backbones.image_input import ImageInput
from yolograft.model.features import Feature, pyramid

# TensorFlow's EfficientNets, timm's `tf_` weights and ultralytics agree on eps; the momentum is ultralytics'.
batch_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.03)

# The builder numbers its maps from stride 2 upwards, so these are the ones at strides 8, 16 and 32.
OUT_INDICES = (2, 3, 4)


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
        body: timm's `EfficientNetFeatures` or `MobileNetV3Features`, built with `OUT_INDICES`.

    Attributes:
        body: The network; its tensors are named as in timm.
        features: P3, P4, P5.
    """

    features: tuple[Feature, ...]

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.features = pyramid(_channels(body))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images [B, 3, H, W] of 0…1 to [P3, P4, P5]."""
        return self.body(self.normalized(image))


def _channels(body: nn.Module) -> Sequence[int]:
    """Return the channels of P3, P4, P5."""
    info: Any = body.feature_info
    assert info.reduction() == [8, 16, 32], info.reduction()  # a fault of ours, not of the person
    return info.channels()
