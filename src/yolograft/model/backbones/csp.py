"""What the backbones of all bases have in common: their layout."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from yolograft.model.blocks.gsconv import GSConv
from yolograft.model.features import Scale, pyramid
from yolograft.upstream.model import Conv

_P5_BELOW_P6 = (768, 768)


class CSPBackbone(nn.Module):
    """A stem of stride 2, then four times a layer of stride 2 and a stage of blocks.

    The layers 0 to 8 of ultralytics' model files from `yolov8.yaml` on. A family says how wide they are and overrides
    `stage` and, where it is no convolution, `downsample`. It ends with the coarsest level that is asked for; for P6 one
    more stage follows, and P5 is narrower, as in ultralytics' `yolov8-p6.yaml` and `yolo26-p6.yaml`.

    Args:
        scale: Depth, width and levels.
        conv: What halves the sides behind the stem: a convolution, or GSConv. Li et al., 2024, advise against the
            latter: GSConv pays at the neck, where maps are small and wide.

    Attributes:
        widths: For stages 2 to 5, channels at full width behind the layer of stride 2 and behind the stage.
        features: The levels.
    """

    widths: ClassVar[tuple[tuple[int, int], ...]]

    def __init__(self, scale: Scale, *, conv: Literal["conv", "gsconv"] = "conv") -> None:
        super().__init__()
        if conv not in ("conv", "gsconv"):
            raise ValueError(f"conv={conv}: must be one of conv, gsconv")
        self.conv = conv
        given = scale.channels(64)
        # In stock's order: the same seed then gives the same weights.
        self.stem = Conv(3, given, 3, 2)
        channels = {}
        widths = self.widths if scale.levels[-1] != "P6" else (*self.widths[:-1], _P5_BELOW_P6, self.widths[-1])
        for level, (halved, staged) in enumerate(widths[: int(scale.levels[-1][1]) - 1], start=2):
            c1, c2 = scale.channels(halved), scale.channels(staged)
            self.add_module(f"down{level}", self.downsample(level, given, c1))
            self.add_module(f"stage{level}", self.stage(level, c1, c2, scale))
            given = c2
            channels[f"P{level}"] = c2
        self.features = pyramid([channels[name] for name in scale.levels], scale.levels)

    def stage(self, level: int, c1: int, c2: int, scale: Scale) -> nn.Module:
        """Return the blocks of the stage at stride 2 ** level, from `c1` channels to `c2`."""
        raise NotImplementedError

    def downsample(self, level: int, c1: int, c2: int) -> nn.Module:
        """Return the layer that halves a map's sides to stride 2 ** level, from `c1` channels to `c2`."""
        return GSConv(c1, c2, 3, 2) if self.conv == "gsconv" else Conv(c1, c2, 3, 2)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images [B, 3, H, W] to the levels."""
        first, last = (int(feature.name[1]) for feature in (self.features[0], self.features[-1]))
        x, maps = self.stem(image), []
        for level in range(2, last + 1):
            x = self.get_submodule(f"stage{level}")(self.get_submodule(f"down{level}")(x))
            if level >= first:
                maps.append(x)
        return maps
