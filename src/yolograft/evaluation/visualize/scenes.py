"""The images that are looked at: a run's own with their labels, or a person's."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from yolograft.common.errors import UserError
from yolograft.common.text import plain
from yolograft.data.dataset import Split, build_dataset
from yolograft.evaluation.boxes import plain_boxes
from yolograft.evaluation.predict.reading import UnreadableSourceError, frames
from yolograft.evaluation.predict.sources import expand
from yolograft.evaluation.provenance import Provenance
from yolograft.runs.predictions import Box
from yolograft.upstream.pictures import letterboxed, letterboxed_item


@dataclass(frozen=True)
class Scene:
    """An image as detectors are given it.

    Attributes:
        name: The image's file name.
        image: [H, W, 3] uint8, red first; its sides are multiples of the stride.
        truth: The boxes of its labels; None where it has none to compare with.
    """

    name: str
    image: np.ndarray
    truth: tuple[Box, ...] | None = None

    @property
    def tensor(self) -> torch.Tensor:
        """The image as [1, 3, H, W], 0…1."""
        return torch.from_numpy(np.ascontiguousarray(self.image)).permute(2, 0, 1)[None].float() / 255


def labelled_scenes(
    trained: Provenance,
    names: Mapping[int, str],
    split: Split,
    most: int,
    imgsz: int,
    stride: int,
    trust: Sequence[str],
) -> list[Scene]:
    """Return images of the data set that weights were trained on, evenly from its split.

    Args:
        trained: What the weights say of their training.
        names: The weights' class names.
        split: `train`, `val` or `test`.
        most: How many.
        imgsz: Length of an image's longer side, pixels.
        stride: The model's largest stride.
        trust: Packages of which readers of data sets may be named, too.

    Raises:
        UserError: The data set is not there, may not be read, or has other classes by now.
    """
    spec = trained.spec({"check": "warn"}, names, trust)
    single = trained.single_cls
    dataset = build_dataset(
        spec, split, SimpleNamespace(), imgsz, 1, stride, augment=False, rect=False, single_cls=single
    )
    count = min(most, len(dataset))
    scenes = []
    for place in [number * len(dataset) // count for number in range(count)]:
        image, classes, corners = letterboxed_item(dataset, place, imgsz, stride)
        truth = plain_boxes(torch.from_numpy(classes), torch.from_numpy(corners))
        scenes.append(Scene(Path(dataset.im_files[place]).name, image[..., ::-1], tuple(truth)))
    return scenes


def scenes_of(words: Sequence[str], most: int, imgsz: int, stride: int) -> tuple[list[Scene], list[str]]:
    """Return a person's images: whatever `yolograft predict` takes, of videos and cameras the first frames.

    Args:
        words: As for `expand`.
        most: How many images.
        imgsz: Length of the longer side, pixels.
        stride: The model's largest stride.

    Returns:
        The images, and a line for each source that cannot be read.

    Raises:
        UserError: There is none, or none that can be read.
    """
    scenes: list[Scene] = []
    faults: list[str] = []
    sources, _ = expand(words, sys.stdin)
    for source in sources:
        name = Path(source.name)
        try:
            with closing(frames(source)) as seen:
                for frame in islice(seen, most - len(scenes)):
                    told = name.name if frame.number is None else f"{name.stem}-{frame.number}"
                    scenes.append(Scene(told, letterboxed(frame.image, imgsz, stride)[..., ::-1]))
        except UnreadableSourceError as error:
            faults.append(f"{source.shown}: {error}")
        if len(scenes) == most:
            break
    if not scenes:
        raise UserError(f"source={words[0]}: {plain(faults[0]) if faults else 'no images there'}")
    return scenes, faults
