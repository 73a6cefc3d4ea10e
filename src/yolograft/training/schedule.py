"""What changes in the course of a training besides learning rates: image size, augmentation, what is frozen.

Like `recipe.Recipe`, a schedule remembers nothing: what an epoch or an iteration is like depends only on where it is in
the training, so a training that was cut off goes on exactly where it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from yolograft.common.levels import coarsest_stride
from yolograft.data.draws import closed
from yolograft.training.progressive import Stage, plan


@dataclass
class Schedule:
    """What each epoch and each iteration of a training is like. Both are counted from 0, over all starts of the run.

    Augmentation modes number the combinations of a stage's strength with mosaic on or off. With two stages of ten
    epochs each and `close_mosaic=3`, epochs 0-9 have mode 0, epochs 10-16 mode 1, and epochs 17-19 mode 3, which is
    mode 1 without mosaic.

    Attributes:
        epochs: Epochs of the whole training; a time budget changes them.
        imgsz: Image size that the images are loaded at, pixels.
        seed: The run's seed.
        stages: The stages of progressive learning; one of full size and strength without it.
        close_mosaic: Epochs at the end without augmentations that combine images.
        multi_scale: Each iteration's image size is drawn from the stage's ± this share; 0: it is the stage's.
        frozen: Paths, below `Detector.model`, of the modules that are never trained.
        backbone_from: The first epoch in which the backbone is trained.
        stride: Image sides are multiples of it, the model's coarsest stride, pixels.
    """

    epochs: int
    imgsz: int = 640
    seed: int = 0
    stages: Sequence[Stage] = field(default_factory=list)
    close_mosaic: int = 0
    multi_scale: float = 0.0
    frozen: Sequence[str] = ()
    backbone_from: int = 0
    stride: int = 32

    def __post_init__(self) -> None:
        if not self.stages:
            self.stages = [Stage(0, self.imgsz, 1.0)]

    @classmethod
    def of(cls, config: Mapping[str, Any], epochs: int, frozen: Sequence[str] = ()) -> "Schedule":
        """Return the schedule that a config describes.

        Args:
            config: The resolved config.
            epochs: Epochs of the whole training, where a time budget has changed the config's.
            frozen: From `freezing.frozen_modules`.
        """
        settings = config["progressive"]
        stride = coarsest_stride(config["levels"])
        return cls(
            epochs,
            config["imgsz"],
            config["seed"],
            plan(config["epochs"], config["imgsz"], **settings, stride=stride) if settings else [],
            config["augment"]["close_mosaic"],
            config["augment"]["multi_scale"],
            frozen,
            config["optim"]["backbone_freeze_epochs"],
            stride,
        )

    @property
    def smallest_imgsz(self) -> int:
        """Image size of the smallest stage, pixels."""
        return min(stage.imgsz for stage in self.stages)

    def goes_on(self, epoch: int) -> bool:
        """Return whether an epoch will come, as far as is known."""
        return epoch < self.epochs

    def stage(self, epoch: int) -> int:
        """Return the number of the stage that an epoch belongs to."""
        return max(number for number, stage in enumerate(self.stages) if stage.first <= epoch)

    def mosaic_is_closed(self, epoch: int) -> bool:
        """Return whether an epoch is one of the last, without augmentations that combine images."""
        return self.close_mosaic > 0 and epoch >= self.epochs - self.close_mosaic

    def augmentations(self, augment: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the augmentation values of each mode.

        Args:
            augment: The `augment` group.
        """
        staged = [stage.augment(augment) for stage in self.stages]
        return [*staged, *map(closed, staged)]

    def mode(self, epoch: int) -> int:
        """Return the augmentation mode of an epoch."""
        return self.stage(epoch) + len(self.stages) * self.mosaic_is_closed(epoch)

    def image_size(self, iteration: int, epoch: int) -> int | None:
        """Return the image size of an iteration, pixels; None leaves images as they are loaded."""
        imgsz = self.stages[self.stage(epoch)].imgsz
        if self.multi_scale:
            return self._drawn_size(iteration, imgsz)
        return imgsz if imgsz != self.imgsz else None

    def backbone_is_frozen(self, epoch: int) -> bool:
        """Return whether an epoch is one of the first, in which the backbone is not trained yet."""
        return epoch < self.backbone_from

    def _drawn_size(self, iteration: int, imgsz: int) -> int:
        """Draw a size from imgsz ± `multi_scale`, a multiple of the stride, as ultralytics does."""
        generator = np.random.default_rng([self.seed, iteration, 1])
        low = max(self.stride, int(imgsz * (1.0 - self.multi_scale)))
        high = int(imgsz * (1.0 + self.multi_scale) + self.stride)
        return int(generator.integers(low, high)) // self.stride * self.stride
