"""What a pyramid's neck is built of: its blocks, the ways down and up, and how two maps become one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from yolograft.common.errors import UserError
from yolograft.model.blocks.asff_fusion import ASFFFusion
from yolograft.model.blocks.carafe import CARAFE
from yolograft.model.blocks.dcnv2 import DCNv2
from yolograft.model.blocks.dysample import DySample
from yolograft.model.blocks.gsconv import GSConv, VoVGSCSP, VoVGSCSP2, VoVGSCSP3
from yolograft.model.blocks.inner import Inner, InnerC2f, InnerC3k2, InnerRepCSP
from yolograft.model.blocks.odconv import ODConv
from yolograft.model.blocks.pconv import FasterC2f, PConv
from yolograft.model.blocks.rfaconv import RFAConv
from yolograft.model.blocks.sdi import SDI
from yolograft.model.blocks.spdconv import SPDConv
from yolograft.model.blocks.weighted_fusion import WeightedFusion
from yolograft.model.blocks.wtconv import WTConv
from yolograft.model.features import Scale
from yolograft.upstream.model import ADown, C2f, C3k2, Conv, DWConv, GhostConv, RepCSP, SCDown

INNER: Mapping[str, Inner] = {"wtconv": WTConv, "rfaconv": RFAConv, "odconv": ODConv, "pconv": PConv, "dcnv2": DCNv2}
UP: Mapping[str, Callable[[int], nn.Module]] = {
    "nearest": lambda channels: nn.Upsample(scale_factor=2, mode="nearest"),
    "carafe": CARAFE,
    "dysample": DySample,
    "transposed": lambda channels: nn.ConvTranspose2d(channels, channels, 2, 2),
}
FUSE: Mapping[str, Callable[[Sequence[int], int], nn.Module]] = {
    "bifpn": WeightedFusion,
    "asff": ASFFFusion,
    "sdi": SDI,
}
_DOWN: Mapping[str, Callable[[int, int], nn.Module]] = {
    "conv": lambda c1, c2: Conv(c1, c2, 3, 2),
    "ghost": lambda c1, c2: GhostConv(c1, c2, 3, 2),
    "dwconv": lambda c1, c2: DWConv(c1, c2, 3, 2),
    "scdown": lambda c1, c2: SCDown(c1, c2, 3, 2),
    "spdconv": SPDConv,
    "adown": ADown,
}
_SLIM: Mapping[str, Callable[..., nn.Module]] = {
    "vovgscsp1": VoVGSCSP,
    "vovgscsp2": VoVGSCSP2,
    "vovgscsp3": VoVGSCSP3,
}
_WITH_INNER = ("c3k2", "c2f", "repcsp")
_LARGEST_KERNEL = 17


class Concat(nn.Module):
    """Maps one behind the other, as wide as they are together."""

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map maps [B, C_i, H, W] to [B, ΣC_i, H, W]."""
        return torch.cat(list(maps), dim=1)


@dataclass(frozen=True)
class Pieces:
    """The pieces of a neck, by name; `ConvNeck` lists the names.

    Attributes:
        block: What follows each fusion.
        inner: What stands for the second 3×3 convolution of each bottleneck in a block.
        down: What halves a map's sides.
        up: What doubles them.
        fuse: What makes one map of two.
        gs_kernel: Kernel of the depth-wise half of each GSConv.
        shuffle: How each GSConv mixes its halves.
    """

    block: str = "c3k2"
    inner: str = "conv"
    down: str = "conv"
    up: str = "nearest"
    fuse: str = "concat"
    gs_kernel: int = 5
    shuffle: str = "fixed"

    def replaced(self, **names: Any) -> "Pieces":
        """Return the pieces with those that are given, and not None, in place of these.

        Raises:
            UserError: A name is unknown, or a piece has no use beside the others.
        """
        made = replace(self, **{key: value for key, value in names.items() if value is not None})
        made._check()
        return made

    def _check(self) -> None:
        known = {
            "block": (*_WITH_INNER, *_SLIM, "fasterblock"),
            "inner": ("conv", *INNER),
            "down": (*_DOWN, "gsconv"),
            "up": tuple(UP),
            "fuse": ("concat", *FUSE),
            "shuffle": ("fixed", "learned"),
        }
        for key, names in known.items():
            if getattr(self, key) not in names:
                raise UserError(f"neck.{key}={getattr(self, key)}: must be one of {', '.join(names)}")
        if self.inner != "conv" and self.block not in _WITH_INNER:
            raise UserError(
                f"neck.inner={self.inner}: neck.block={self.block} has no bottleneck to put it into; "
                f"these have: {', '.join(_WITH_INNER)}"
            )
        if not (1 <= self.gs_kernel <= _LARGEST_KERNEL and self.gs_kernel % 2):
            raise UserError(f"neck.gs_kernel={self.gs_kernel}: must be an odd number up to {_LARGEST_KERNEL}")
        unused = [key for key, usual in (("gs_kernel", 5), ("shuffle", "fixed")) if getattr(self, key) != usual]
        if unused and self.down != "gsconv" and self.block not in _SLIM:
            key = unused[0]
            raise UserError(f"neck.{key}={getattr(self, key)}: needs a GSConv, as neck.down=gsconv has")

    def new_block(self, c1: int, c2: int, scale: Scale, *, c3k: bool) -> nn.Module:
        """Return a block; what has no larger form does not look at `c3k`."""
        n = scale.repeats(2)
        if self.block in _SLIM:
            return _SLIM[self.block](c1, c2, n, kernel=self.gs_kernel, shuffle=self.shuffle)
        inner = INNER.get(self.inner)
        if self.block == "c3k2":
            return InnerC3k2(inner, c1, c2, n, c3k) if inner else C3k2(c1, c2, n, c3k)
        if self.block == "c2f":  # as often as in YOLOv8
            return InnerC2f(inner, c1, c2, scale.repeats(3)) if inner else C2f(c1, c2, scale.repeats(3))
        if self.block == "repcsp":
            return InnerRepCSP(inner, c1, c2, n) if inner else RepCSP(c1, c2, n)
        return FasterC2f(c1, c2, n)

    def new_down(self, channels: int) -> nn.Module:
        """Return what halves a map's sides and keeps its channels."""
        gsconv = partial(GSConv, k=3, s=2, kernel=self.gs_kernel, shuffle=self.shuffle)  # type: ignore[arg-type]
        new: Callable[[int, int], nn.Module] = gsconv if self.down == "gsconv" else _DOWN[self.down]
        return new(channels, channels)

    def new_up(self, channels: int) -> nn.Module:
        """Return what doubles a map's sides and keeps its channels."""
        return UP[self.up](channels)

    def new_fusion(self, channels: Sequence[int], width: int) -> tuple[nn.Module, int]:
        """Return what makes one map of several, and its channels.

        Args:
            channels: Of the maps.
            width: Of the level, which a fusion that adds or multiplies gives.
        """
        return (Concat(), sum(channels)) if self.fuse == "concat" else (FUSE[self.fuse](channels, width), width)
