"""The PAN-FPN that all of ultralytics' detectors have, and the pieces that can be put into it."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor, nn

from yolograft.common.errors import UserError
from yolograft.model.features import Feature, Scale, pyramid, require_pyramid
from yolograft.model.necks.pieces import Pieces


class ConvNeck(nn.Module):
    """The PAN-FPN of ultralytics' `yolo11.yaml` (layers 11 to 22): top-down, then bottom-up.

    With other levels than P3 to P5 it goes on in the same way, as ultralytics' `yolo26-p2.yaml` and `yolo26-p6.yaml`
    do. A place is called by its direction and the level of its map: `top_p4` on the way down, `down_p4` (from P3) and
    `out_p4` on the way up; `out_p3`, or whatever is finest, is where the way turns. What has weights of its own stands
    beside: `up_p4` (from P5), `fuse_top_p4`, `fuse_out_p3`, ….

    Subclasses have other `pieces`, override `block` and `downsample` to build it of what has no name here, or
    `block_at` and `downsample_at` where its places differ. A piece that is given stands in place of theirs.

    Args:
        features: The levels from the context.
        scale: Depth, width and levels.
        block: What follows each fusion.
        inner: What stands for the second 3×3 convolution of each bottleneck in a block.
        down: What halves a map's sides.
        up: What doubles them.
        fuse: What makes one map of two.
        gs_kernel: Kernel of the depth-wise half of each GSConv, odd, up to 17.
        shuffle: How each GSConv mixes its halves.

    Attributes:
        pieces: What it is built of where nothing else is said.
        features: The levels as the head gets them.

    Raises:
        ValueError: The features are not the levels that were asked for, at their strides.
        UserError: Pieces do not go together.
    """

    pieces: ClassVar[Pieces] = Pieces()

    def __init__(
        self,
        features: Sequence[Feature],
        scale: Scale,
        *,
        block: Literal["c3k2", "c2f", "vovgscsp1", "vovgscsp2", "vovgscsp3", "repcsp", "fasterblock"] | None = None,
        inner: Literal["conv", "wtconv", "rfaconv", "odconv", "pconv", "dcnv2"] | None = None,
        down: Literal["conv", "gsconv", "ghost", "dwconv", "scdown", "spdconv", "adown"] | None = None,
        up: Literal["nearest", "carafe", "dysample", "transposed"] | None = None,
        fuse: Literal["concat", "bifpn", "asff", "sdi"] | None = None,
        gs_kernel: int | None = None,
        shuffle: Literal["fixed", "learned"] | None = None,
    ) -> None:
        super().__init__()
        require_pyramid(features, scale.levels)
        self._given = {"block": block is not None, "down": down is not None}
        if inner not in (None, "conv") and not self._is_of_pieces("block", "block", "block_at"):
            raise UserError(f"neck.inner={inner}: {type(self).__name__} has blocks of its own; add neck.block=c3k2")
        self.made_of = self.pieces.replaced(
            block=block, inner=inner, down=down, up=up, fuse=fuse, gs_kernel=gs_kernel, shuffle=shuffle
        )
        names = self.names = [feature.name.lower() for feature in features]
        channels = [feature.channels for feature in features]
        widths = [scale.level_channels(feature.name) for feature in features]
        # In stock's order: the same seed then gives the same weights.
        coarser = channels[-1]
        for name, own, width in list(zip(names, channels, widths, strict=True))[-2::-1]:
            self.add_module(f"up_{name}", self.made_of.new_up(coarser))
            self._add_fusion(self._top(name), (coarser, own), width, scale)
            coarser = width
        beside = [*widths[1:-1], channels[-1]]
        for finer, name, own, width in zip(widths[:-1], names[1:], beside, widths[1:], strict=True):
            of_pieces = self._is_of_pieces("down", "downsample", "downsample_at")
            down_to = self.made_of.new_down(finer) if of_pieces else self.downsample_at(f"down_{name}", finer)
            self.add_module(f"down_{name}", down_to)
            self._add_fusion(f"out_{name}", (finer, own), width, scale)
        self.features = pyramid(widths, scale.levels)

    def block_at(self, place: str, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return the block at a place; that of the coarsest level has C3k at every scale."""
        return self.block(c1, c2, scale, c3k=scale.c3k or self.is_last(place))

    def is_last(self, place: str) -> bool:
        """Return whether a place is that of the coarsest level's block, the last of all."""
        return place == f"out_{self.names[-1]}"

    def downsample_at(self, place: str, channels: int) -> nn.Module:
        """Return the down-sampling layer at a place: `down_p4` or `down_p5`."""
        return self.downsample(channels)

    def block(self, c1: int, c2: int, scale: Scale, *, c3k: bool) -> nn.Module:
        """Return the block that makes `c2` channels of the `c1` that a fusion gives."""
        return self.made_of.new_block(c1, c2, scale, c3k=c3k)

    def downsample(self, channels: int) -> nn.Module:
        """Return the layer that halves a map's sides on the way up."""
        return self.made_of.new_down(channels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the levels, the finest first, to as many fused maps at the same strides."""
        tops = [maps[-1]]
        for name, own in zip(self.names[-2::-1], maps[-2::-1], strict=True):
            up = self.get_submodule(f"up_{name}")(tops[0])
            tops.insert(0, self._fused(self._top(name), (up, own)))
        outs = [tops[0]]
        for name, top in zip(self.names[1:], tops[1:], strict=True):
            down = self.get_submodule(f"down_{name}")(outs[-1])
            outs.append(self._fused(f"out_{name}", (down, top)))
        return outs

    def _add_fusion(self, place: str, channels: Sequence[int], width: int, scale: Scale) -> None:
        fusion, fused = self.made_of.new_fusion(channels, width)
        self.add_module(f"fuse_{place}", fusion)
        if self._is_of_pieces("block", "block", "block_at"):
            block = self.made_of.new_block(fused, width, scale, c3k=scale.c3k or self.is_last(place))
        else:
            block = self.block_at(place, fused, width, scale)
        self.add_module(place, block)

    def _is_of_pieces(self, piece: str, *methods: str) -> bool:
        """Return whether a piece's name decides: it was given, or the class has no methods of its own for it."""
        return self._given[piece] or all(getattr(type(self), m) is getattr(ConvNeck, m) for m in methods)

    def _fused(self, place: str, maps: Sequence[Tensor]) -> Tensor:
        return self.get_submodule(place)(self.get_submodule(f"fuse_{place}")(maps))

    def _top(self, name: str) -> str:
        """Return the place at which a level is fused on the way down."""
        return f"{'out' if name == self.names[0] else 'top'}_{name}"
