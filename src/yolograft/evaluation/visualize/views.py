"""Everything that is shown of some detectors on some images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from yolograft.common.errors import UserError
from yolograft.evaluation.boxes import plain_boxes
from yolograft.evaluation.visualize.maps import (
    Activation,
    Field,
    Tapped,
    eigen_cams,
    features,
    grad_cam,
    receptive_fields,
)
from yolograft.evaluation.visualize.matching import Matched, match
from yolograft.evaluation.visualize.scenes import Scene
from yolograft.model.detector import Detector
from yolograft.model.fold import fold
from yolograft.runs.predictions import Box
from yolograft.upstream.pictures import boxes_of


@dataclass(frozen=True)
class View:
    """What one detector makes of one image.

    Attributes:
        run: What the detector is called.
        levels: Names of its levels.
        found: The boxes that it finds.
        matched: The same compared with the labels; None where there are none.
        eigen: EigenCAM by level, each [h, w], 0…1.
        grad: GradCAM on the level that detects; None where there is none.
        features: Channels by level, each [16, h, w], 0…1.
    """

    run: str
    levels: tuple[str, ...]
    found: tuple[Box, ...]
    matched: Matched | None
    eigen: tuple[np.ndarray, ...]
    grad: Activation | None
    features: tuple[np.ndarray, ...]


class Viewer:
    """A detector that is looked into.

    Args:
        run: What it is called.
        detector: The detector; a folded copy is looked at, which answers the same.
        device: Where to compute.
        names: Names of the classes that labels have; the detector's own may stand in another order.
    """

    def __init__(self, run: str, detector: Detector, device: torch.device, names: Sequence[str] | None) -> None:
        self.run, self.detector, self.device = run, detector, device
        self.model = Tapped(fold(detector)).to(device).eval()
        own = list(detector.names.values())
        if names is not None and set(own) != set(names):
            raise UserError(f"run={run}: was trained on {', '.join(own)}, not on {', '.join(names)} as the first")
        self._place = [list(names).index(name) for name in own] if names else list(range(len(own)))

    def look(self, scene: Scene, confidence: float) -> View:
        """Return what the detector makes of an image.

        Args:
            scene: The image.
            confidence: Boxes below it are left out.
        """
        image = scene.tensor.to(self.device)
        height, width = scene.image.shape[:2]
        with torch.no_grad():  # inference mode would leave anchors in the head of which no gradient is known
            maps = self.model.maps(image)
            boxes = boxes_of(self.model(image), confidence, self.detector.nc).cpu()
        size = torch.tensor([width, height, width, height])
        placed = torch.tensor([self._place[int(label)] for label in boxes[:, 5]])
        found = tuple(plain_boxes(placed, boxes[:, :4] / size, boxes[:, 4]))
        grad = grad_cam(self.model, image)
        return View(
            run=self.run,
            levels=self.model.levels,
            found=found,
            matched=None if scene.truth is None else match(found, scene.truth),
            eigen=tuple(eigen_cams(maps)),
            grad=grad and Activation(grad.level, self._place[grad.label], grad.confidence, grad.heat),
            features=tuple(features(maps)),
        )

    def fields(self, scenes: Sequence[Scene], imgsz: int) -> dict[str, Field]:
        """Return the effective receptive field of each level over some images.

        Args:
            scenes: The images.
            imgsz: Side of the square that they are padded to, pixels.
        """
        squares = [_square(scene.tensor, imgsz).to(self.device) for scene in scenes]
        return dict(zip(self.model.levels, receptive_fields(self.model, squares), strict=True))


def views(
    viewers: Sequence[Viewer], scenes: Sequence[Scene], confidence: float, say: Callable[[str], object]
) -> Iterator[tuple[Scene, list[View]]]:
    """Yield each image with what every detector makes of it.

    Args:
        viewers: The detectors.
        scenes: The images.
        confidence: Boxes below it are left out.
        say: Is given a line for each image.
    """
    for number, scene in enumerate(scenes, 1):
        say(f"image {number} of {len(scenes)}: {scene.name}")
        yield scene, [viewer.look(scene, confidence) for viewer in viewers]


def _square(image: torch.Tensor, side: int) -> torch.Tensor:
    """Return an image padded to a square, or cut to it, around its middle."""
    height, width = image.shape[2:]
    top, left = (side - height) // 2, (side - width) // 2
    return functional.pad(image, (left, side - width - left, top, side - height - top), value=114 / 255)
