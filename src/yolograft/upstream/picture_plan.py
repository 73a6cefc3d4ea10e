"""Augmentation without pixels: ultralytics' own transforms draw and move the boxes, and write down what to paint.

Where stock's transforms have a picture in `labels["img"]`, these have the description of one. Draws, their order and
all that is done to boxes stay stock's own code; only what it does to pixels is recorded, for `data/painting.py` to do a
batch at a time on any device.
"""

import random
from copy import copy
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from ultralytics.data.augment import (
    Albumentations,
    Compose,
    CopyPaste,
    CutMix,
    Format,
    MixUp,
    Mosaic,
    RandomFlip,
    RandomHSV,
    RandomPerspective,
)

from yolograft.upstream.data import UpstreamDataset, full_hyp
from yolograft.upstream.transforms import Planes, QuickFlip

__all__ = ["GREY", "Blend", "Canvas", "Paste", "Picture", "PlanningDataset", "Tile", "Warp", "planning_transforms"]

GREY = 114
"""The value of pixels that no image covers."""

Shape = tuple[int, int, int]
"""Height, width, channels."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of an image on a canvas.

    Attributes:
        image: Index of the image.
        x, y: Left and upper edge on the canvas, pixels.
        left, top, right, bottom: The rectangle of the image, pixels.
    """

    image: int
    x: int
    y: int
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Canvas:
    """Tiles on grey; later ones cover earlier ones."""

    tiles: tuple[Tile, ...]
    shape: Shape


@dataclass(frozen=True)
class Warp:
    """A canvas seen through a matrix.

    Attributes:
        canvas: What is seen.
        matrix: [3, 3], from pixels of the canvas to pixels of the result, homogeneous.
        shape: Of the result.
    """

    canvas: Canvas
    matrix: np.ndarray
    shape: Shape


@dataclass(frozen=True)
class Blend:
    """Two pictures mixed: `ratio` of the first, the rest of the second (MixUp)."""

    first: "Layer"
    second: "Layer"
    ratio: float

    @property
    def shape(self) -> Shape:
        """Of both."""
        return self.first.shape


@dataclass(frozen=True)
class Paste:
    """The first picture with a rectangle (x1, y1, x2, y2) of the second (CutMix)."""

    first: "Layer"
    second: "Layer"
    box: tuple[int, int, int, int]

    @property
    def shape(self) -> Shape:
        """Of both."""
        return self.first.shape


Layer = Canvas | Warp | Blend | Paste


@dataclass(frozen=True)
class Picture:
    """A training picture, as a description.

    Attributes:
        layer: Its pixels before the steps below, BGR or grey.
        lut: Uint8 [3, 256], new values of hue, saturation and value; None where the colours stay.
        upside_down: Whether it is flipped top to bottom.
        mirrored: Whether it is flipped left to right.
        to_rgb: Whether its channels are reversed.
    """

    layer: Layer
    lut: np.ndarray | None = None
    upside_down: bool = False
    mirrored: bool = False
    to_rgb: bool = False

    @property
    def shape(self) -> Shape:
        """Of the result."""
        return self.layer.shape


class PlanningMosaic(Mosaic):
    """Stock's mosaic of four."""

    def apply_image(self, labels: dict[str, Any], params: Any = None) -> dict[str, Any]:
        """Describe the canvas of four images."""
        tiles = []
        for place in params["layout"]:
            (tile,) = place["labels_patch"]["img"].tiles
            corner = {"x": place["x1a"], "y": place["y1a"]}
            part = {"left": place["x1b"], "top": place["y1b"], "right": place["x2b"], "bottom": place["y2b"]}
            tiles.append(replace(tile, **corner, **part))
        side = self.imgsz * 2
        labels["img"] = Canvas(tuple(tiles), (side, side, labels["img"].shape[2]))
        return labels


class PlanningPerspective(RandomPerspective):
    """Stock's random affine or perspective transform."""

    def apply_image(self, labels: dict[str, Any], params: Any = None) -> dict[str, Any]:
        """Describe the view."""
        width, height = params["size"]
        canvas = labels["img"]
        labels["img"] = Warp(canvas, params["M"], (height, width, canvas.shape[2]))
        labels["resized_shape"] = (height, width)
        return labels


class PlanningMixUp(MixUp):
    """Stock's MixUp."""

    def apply_image(self, labels: dict[str, Any], params: Any = None) -> dict[str, Any]:
        """Describe the blend."""
        labels["img"] = Blend(labels["img"], labels["mix_labels"][0]["img"], float(params["r"]))
        return labels


class PlanningCutMix(CutMix):
    """Stock's CutMix."""

    def apply_image(self, labels: dict[str, Any], params: Any = None) -> dict[str, Any]:
        """Describe the patchwork."""
        if not params.get("skip"):
            x1, y1, x2, y2 = params["area"].astype(np.int32).tolist()
            labels["img"] = Paste(labels["img"], labels["mix_labels"][0]["img"], (x1, y1, x2, y2))
        return labels


class PlanningHSV(RandomHSV):
    """Stock's change of hue, saturation and value, as tables of new values."""

    def apply_image(self, labels: dict[str, Any], params: Any = None) -> dict[str, Any]:
        """Describe the change; stock computes its tables beside the pixels, so they are computed here anew."""
        layer = labels["img"]
        lut = None
        if layer.shape[2] == 3 and (self.hgain or self.sgain or self.vgain):
            gains = np.random.uniform(-1, 1, 3) * [self.hgain, self.sgain, self.vgain]
            values = np.arange(256, dtype=gains.dtype)
            hue = (values + gains[0] * 180) % 180
            saturation, value = (np.clip(values * (gain + 1), 0, 255) for gain in gains[1:])
            saturation[0] = 0  # grey stays grey
            lut = np.stack((hue, saturation, value)).astype(np.uint8)
        labels["img"] = Picture(layer, lut)
        return labels


class PlanningFlip(RandomFlip):
    """Stock's flip; it comes after the change of colours."""

    def apply_image(self, labels: dict[str, Any], params: Any = None) -> dict[str, Any]:
        """Describe the flip."""
        if params["flip"]:
            which = "upside_down" if params["direction"] == "vertical" else "mirrored"
            labels["img"] = replace(labels["img"], **{which: True})
        return labels


class PlanningFormat(Format):
    """Stock's last step: boxes become tensors; the picture stays a description."""

    def _format_img(self, img: Any) -> Any:
        return replace(img, to_rgb=random.uniform(0, 1) > self.bgr and img.shape[2] == 3)


_PLANNING = {
    Mosaic: PlanningMosaic,
    RandomPerspective: PlanningPerspective,
    MixUp: PlanningMixUp,
    CutMix: PlanningCutMix,
    RandomHSV: PlanningHSV,
    QuickFlip: PlanningFlip,
    Planes: PlanningFormat,
}


class PlanningDataset(UpstreamDataset):
    """A training set whose images are descriptions; made by `planning`."""

    sizes: list[tuple[tuple[int, int], tuple[int, int]]]

    def load_image(self, i: int, *args: Any, **kwargs: Any) -> Any:
        """Return image i as a canvas that it fills, its original (h, w) and its resized (h, w)."""
        original, (height, width) = self.sizes[i]
        canvas = Canvas((Tile(i, 0, 0, 0, 0, width, height),), (height, width, self.channels))
        return canvas, original, (height, width)


def planning(dataset: UpstreamDataset, sizes: list[tuple[tuple[int, int], tuple[int, int]]]) -> PlanningDataset:
    """Return a training set with the same labels whose images are descriptions.

    Args:
        dataset: The training set; it stays as it is.
        sizes: Of each image the original and the resized (h, w).
    """
    planned = copy(dataset)
    planned.__class__ = PlanningDataset
    assert isinstance(planned, PlanningDataset)
    planned.sizes = sizes
    return planned


def planning_transforms(dataset: PlanningDataset, values: dict[str, Any]) -> Any:
    """Return stock's transforms of a training set in the form that plans.

    Args:
        dataset: What `planning` returned.
        values: Augmentation values, by ultralytics' names.

    Raises:
        ValueError: One of the transforms does to pixels what cannot be written down.
    """
    transforms = dataset.build_transforms(full_hyp(SimpleNamespace(**values)))
    _plan(transforms)
    return transforms


def _plan(transform: Any) -> None:
    """Turn a transform just built, and those inside it, into the form that plans."""
    if isinstance(transform, Compose):
        for each in transform.transforms:
            _plan(each)
    elif type(transform) in _PLANNING:
        transform.__class__ = _PLANNING[type(transform)]
        if isinstance(transform, PlanningMosaic) and transform.n != 4:
            raise ValueError("a mosaic of other than four images")
        if (inner := getattr(transform, "pre_transform", None)) is not None:
            _plan(inner)
    elif isinstance(transform, CopyPaste) and not transform.p:
        pass  # gives back what it gets
    elif isinstance(transform, Albumentations) and transform.transform is None:
        pass  # the package is not installed
    elif not type(transform).__name__.startswith("Planning"):  # the affine transform stands in two places
        raise ValueError(f"the transform {type(transform).__name__}")
