"""The transforms that take less time give what stock's give, bit for bit."""

import random

import numpy as np
import pytest
import torch
from ultralytics.data.augment import Compose, Format, RandomFlip
from ultralytics.utils.instance import Instances

from yolograft.upstream.transforms import Planes, QuickFlip, hasten


def transforms(direction: str) -> Compose:
    return Compose([RandomFlip(p=0.5, direction=direction), Format(bgr=0.5)])


def applied(steps: Compose, image: np.ndarray, seed: int) -> torch.Tensor:
    random.seed(seed)
    boxes = Instances(np.array([[0.5, 0.5, 0.2, 0.1]], np.float32), np.zeros((0, 1000, 2), np.float32))
    found: torch.Tensor = steps({"img": image, "cls": np.zeros((1, 1)), "instances": boxes})["img"]
    return found


@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_flip_and_format(direction: str, channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (7, 13, channels), dtype=np.uint8)
    before = image.copy()
    quick = hasten(transforms(direction))
    assert [type(step) for step in quick.transforms] == [QuickFlip, Planes]
    pictures = [applied(quick, image, seed) for seed in range(12)]
    for seed, picture in enumerate(pictures):
        expected = applied(transforms(direction), image, seed)
        assert picture.is_contiguous()
        assert torch.equal(picture, expected)
    assert len({picture.numpy().tobytes() for picture in pictures}) == (4 if channels == 3 else 2)
    np.testing.assert_array_equal(image, before)
