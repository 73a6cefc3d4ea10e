"""The images that are looked at: a run's own with their labels, or a person's."""

from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from yolograft.common.errors import UserError
from yolograft.common.files import user_path
from yolograft.common.text import plain
from yolograft.data.dataset import Split, build_dataset
from yolograft.data.from_config import data_spec
from yolograft.data.places import files_below, image_suffixes
from yolograft.evaluation.boxes import plain_boxes
from yolograft.evaluation.provenance import Provenance
from yolograft.runs.predictions import Box
from yolograft.upstream.images import UnreadableImageError, inspect_image, read_image
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
    trained: Provenance, split: Split, most: int, imgsz: int, stride: int, trust: Sequence[str]
) -> tuple[list[Scene], list[str]]:
    """Return images of the data set that weights were trained on, evenly from its split.

    Args:
        trained: What the weights say of their training.
        split: `train`, `val` or `test`.
        most: How many.
        imgsz: Length of an image's longer side, pixels.
        stride: The model's largest stride.
        trust: Packages of which readers of data sets may be named, too.

    Returns:
        The images, and the names of the data set's classes.

    Raises:
        UserError: The data set is not there, or may not be read.
    """
    settings = trained.data_settings("warn", trust)
    spec = data_spec({"dataset": settings, "single_cls": trained.single_cls})
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
    return scenes, list(spec.names.values())


def scenes_of(sources: Sequence[str], most: int, imgsz: int, stride: int) -> tuple[list[Scene], list[str]]:
    """Return a person's images.

    Args:
        sources: Files, folders, and patterns such as `photos/*.jpg`.
        most: How many images.
        imgsz: Length of the longer side, pixels.
        stride: The model's largest stride.

    Returns:
        The images, and a line for each that cannot be read.

    Raises:
        UserError: There is none, or none that can be read.
    """
    files = [file for source in sources for file in _files(source)]
    scenes: list[Scene] = []
    faults: list[str] = []
    for file in files:
        if len(scenes) == most:
            break
        try:
            inspect_image(file)
            pixels = read_image(file)
        except (UnreadableImageError, OSError) as error:
            faults.append(f"{file}: {error}")
            continue
        if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 3:
            faults.append(f"{file}: does not decode to an image of three channels")
            continue
        scenes.append(Scene(Path(file).name, letterboxed(pixels, imgsz, stride)[..., ::-1]))
    if not scenes:
        raise UserError(f"source={sources[0]}: {plain(faults[0]) if faults else 'no images there'}")
    return scenes, faults


def _files(source: str) -> list[str]:
    place = user_path(source)
    if place.is_dir():
        return [
            file for file in files_below(str(place)).values() if file.rpartition(".")[2].lower() in image_suffixes()
        ]
    if not place.exists() and has_magic(source):
        return sorted(glob(str(place), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
    if not place.exists():
        raise UserError(f"source={source}: does not exist")
    return [str(place)]
