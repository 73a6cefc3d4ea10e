"""Stock's transforms, but what they do to pixels takes less time; draws, boxes and pixels are stock's, bit for bit."""

import random
from typing import Any

import cv2
import numpy as np
import torch
from ultralytics.data.augment import Compose, Format, RandomFlip

__all__ = ["Planes", "QuickFlip", "hasten"]


class QuickFlip(RandomFlip):
    """Stock's flip, by OpenCV: a mirrored view of numpy's would have to be copied, slowly, before `Planes` reads it."""

    def apply_image(self, labels: dict[str, Any], params: Any = None) -> dict[str, Any]:
        """Flip the image, or leave it."""
        if params["flip"]:
            image = labels["img"]
            labels["img"] = cv2.flip(image, int(params["direction"] == "horizontal")).reshape(image.shape)
        return labels


class Planes(Format):
    """Stock's last step; OpenCV takes the channels of a colour image apart in a third of numpy's time."""

    def _format_img(self, img: np.ndarray) -> torch.Tensor:
        if img.ndim != 3 or img.shape[2] != 3:
            unchanged: torch.Tensor = super()._format_img(img)
            return unchanged
        planes = np.empty((3, *img.shape[:2]), img.dtype)
        to_rgb = random.uniform(0, 1) > self.bgr
        cv2.split(img, list(planes[::-1] if to_rgb else planes))  # into them
        return torch.from_numpy(planes)


_QUICK = {RandomFlip: QuickFlip, Format: Planes}


def hasten(transforms: Compose) -> Compose:
    """Turn stock's transforms, just built, into the quick ones, in place.

    Args:
        transforms: What YOLODataset's `build_transforms` returned.
    """
    for transform in transforms.transforms:
        if quick := _QUICK.get(type(transform)):
            transform.__class__ = quick
    return transforms
