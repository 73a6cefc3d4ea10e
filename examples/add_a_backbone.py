"""Add a backbone: one class, one YAML file. Nothing of yolograft is edited."""

import sys
from pathlib import Path

from torch import Tensor, nn

import yolograft
from yolograft.model.features import Scale, pyramid


class Plain(nn.Module):
    """Strided 3×3 convolutions.

    Args:
        scale: Depth and width of the model.
        width: Channels of P3 at full width.
    """

    def __init__(self, scale: Scale, *, width: int = 256) -> None:
        super().__init__()
        p3, p4, p5 = (scale.channels(channels) for channels in (width, 2 * width, 4 * width))
        self.to_p3 = nn.Sequential(step(3, p3 // 2), step(p3 // 2, p3), step(p3, p3))
        self.to_p4 = step(p3, p4)
        self.to_p5 = step(p4, p5)
        self.features = pyramid((p3, p4, p5))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images [batch, 3, height, width] to P3, P4 and P5, at 1/8, 1/16 and 1/32 of their size."""
        p3 = self.to_p3(image)
        p4 = self.to_p4(p3)
        return [p3, p4, self.to_p5(p4)]


def step(inputs: int, outputs: int) -> nn.Sequential:
    """Halve the resolution."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU())


OPTION = """\
# Strided 3×3 convolutions
_target_: add_a_backbone.Plain
width: 256 # channels of P3 at full width
"""


def main(overrides: list[str]) -> None:
    """Make the option `backbone=plain` known to this folder, look at it, and train it."""
    Path("backbone").mkdir(exist_ok=True)
    Path("backbone/plain.yaml").write_text(OPTION, encoding="utf-8")

    for width in (128, 256):
        described = yolograft.info(["backbone=plain", f"backbone.width={width}"])
        print(f"width={width}: {described['params']:,} parameters, {described['gflops']} GFLOPs")

    record = yolograft.train(["backbone=plain", "epochs=3", *overrides])
    print(record.folder, record.measured("mAP50-95"))


if __name__ == "__main__":
    main(sys.argv[1:])
