"""Progressive learning: image size and regularisation grow together, in stages.

Source: Tan and Le, EfficientNetV2, 2021, section 4: small images need little regularisation, large ones more.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

#: Augmentation values that are strengths or probabilities, and so can be scaled; the rest stay.
SCALED = (
    "hsv_h",
    "hsv_s",
    "hsv_v",
    "degrees",
    "translate",
    "scale",
    "shear",
    "perspective",
    "mosaic",
    "mixup",
    "cutmix",
)


@dataclass(frozen=True)
class Stage:
    """Some epochs at one image size and strength of augmentation.

    Attributes:
        first: The first epoch, from 0.
        imgsz: Image size, pixels.
        strength: Factor on the augmentation values.
    """

    first: int
    imgsz: int
    strength: float

    def augment(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return augmentation values at this stage's strength."""
        return {key: value * self.strength if key in SCALED else value for key, value in values.items()}


def plan(epochs: int, imgsz: int, stages: int, smallest: float, weakest: float, stride: int = 32) -> list[Stage]:
    """Divide a training into stages that grow linearly, as the paper's algorithm 1.

    Args:
        epochs: Epochs of the whole training.
        imgsz: Image size of the last stage, pixels.
        stages: How many; never more than there are epochs.
        smallest: Image size of the first stage, as a share of the last; rounded to a multiple of `stride`.
        weakest: Strength of augmentation in the first stage; 1 in the last.
        stride: The model's coarsest stride, pixels.
    """
    count = min(stages, epochs)
    made = []
    for number in range(count):
        share = number / (count - 1) if count > 1 else 1.0
        size = max(stride, round(imgsz * (smallest + (1 - smallest) * share) / stride) * stride)
        made.append(Stage(number * epochs // count, size, weakest + (1 - weakest) * share))
    return made


def say_stages(stages: Sequence[Stage]) -> None:
    """Log the table of stages."""
    log.info("Progressive learning:  first epoch   image size   augmentation")
    for stage in stages:
        log.info("%33s %9s px %13.0f%%", stage.first + 1, stage.imgsz, stage.strength * 100)
