"""YOLOv10's neck."""

from collections.abc import Sequence
from typing import Literal

from torch import nn

from yolograft.model.blocks.cib import block, places_of
from yolograft.model.features import Feature, Scale
from yolograft.model.necks.conv import ConvNeck
from yolograft.upstream.model import Conv, SCDown

Places = list[Literal["top_p3", "top_p4", "top_p5", "out_p2", "out_p3", "out_p4", "out_p5", "out_p6"]] | None


class YOLOv10Neck(ConvNeck):
    """The PAN-FPN of ultralytics' `yolov10n.yaml` to `yolov10x.yaml` (layers 11 to 22).

    Args:
        features: P3, P4, P5 from the context.
        scale: Depth and width.
        cib: Blocks that are compact inverted ones (C2fCIB) in place of C2f; None: those of ultralytics at this scale.

    Raises:
        ValueError: As for `ConvNeck`; or `cib` is not given at a scale that ultralytics does not have.
    """

    def __init__(
        self,
        features: Sequence[Feature],
        scale: Scale,
        *,
        cib: Places = None,
    ) -> None:
        self._cib = places_of(scale, cib)
        super().__init__(features, scale)

    def block_at(self, place: str, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return a C2f without shortcuts, or a C2fCIB."""
        return block(c1, c2, 3, scale, cib=place in self._cib, shortcut=False)

    def downsample_at(self, place: str, channels: int) -> nn.Module:
        """Return a convolution, to P5 and P6 one of 1×1 and a depth-wise one of stride 2 (SCDown)."""
        return SCDown(channels, channels, 3, 2) if place in ("down_p5", "down_p6") else Conv(channels, channels, 3, 2)
