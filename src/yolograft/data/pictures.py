"""A batch's pictures as tensors, where otherwise its images stand: made by the loader, painted by `painting.py`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from yolograft.upstream.picture_plan import Blend, Canvas, Layer, Paste, Picture, Warp

View = Canvas | Warp

Mix = int | tuple["Mix", "Mix", float | tuple[int, int, int, int]]
"""A view by its number, or two pictures: with the first one's share, or with the rectangle (x1, y1, x2, y2) of the
second that covers the first."""

Chosen = Tensor | bool
"""Which pictures of a batch: a bool tensor [B], or all or none of them."""


@dataclass(frozen=True)
class Pictures:
    """What a batch shows: views of up to K images each, V in all, mixed to B pictures.

    A view shows its images side by side on grey, through a matrix. Where it has fewer than K images, the others have
    empty rectangles.

    Attributes:
        images: Numbers of the images, int64 [V, K]; on the processor, wherever the rest is.
        indices: The same where the pictures will be painted.
        rectangles: What of each image is seen: left, top, right, bottom, pixels, int32 [V, K, 4].
        matrices: From pixels of the view to those of the image, homogeneous, float64 [V, K, 3, 3].
        height: Of the pictures, pixels.
        width: Of the pictures, pixels.
        mixes: How the pictures are made of the views; None where each is one of them, in order.
        tables: New values of hue, saturation and value, uint8 [B, 3, 256]; None where no colours change.
        coloured: Which pictures' colours change.
        upside_down: Which are flipped top to bottom.
        mirrored: Which are flipped left to right.
        to_rgb: Which have their channels reversed.
    """

    images: Tensor
    indices: Tensor
    rectangles: Tensor
    matrices: Tensor
    height: int
    width: int
    mixes: tuple[Mix, ...] | None
    tables: Tensor | None
    coloured: Chosen
    upside_down: Chosen
    mirrored: Chosen
    to_rgb: Chosen

    @classmethod
    def of(cls, pictures: Sequence[Picture]) -> "Pictures":
        """Return the descriptions of a batch's pictures, which have one shape, as tensors."""
        views: list[View] = []
        mixes = tuple(_mix(picture.layer, views) for picture in pictures)
        height, width, _ = pictures[0].shape
        most = max(len(_canvas(view).tiles) for view in views)
        images = torch.zeros(len(views), most, dtype=torch.int64)
        rectangles = np.zeros((len(views), most, 4), np.int32)
        offsets = np.broadcast_to(np.eye(3), (len(views), most, 3, 3)).copy()
        for number, view in enumerate(views):
            for place, tile in enumerate(_canvas(view).tiles):
                images[number, place] = tile.image
                rectangles[number, place] = tile.left, tile.top, tile.right, tile.bottom
                offsets[number, place, :2, 2] = tile.left - tile.x, tile.top - tile.y
        through = np.stack([view.matrix if isinstance(view, Warp) else np.eye(3) for view in views]).astype(np.float64)
        luts = [picture.lut for picture in pictures]
        coloured = _chosen(lut is not None for lut in luts)
        tables = np.stack([np.zeros((3, 256), np.uint8) if lut is None else lut for lut in luts])
        return cls(
            images=images,
            indices=images,
            rectangles=torch.from_numpy(rectangles),
            matrices=torch.from_numpy(offsets @ np.linalg.inv(through)[:, None]),
            height=height,
            width=width,
            mixes=None if mixes == tuple(range(len(views))) else mixes,
            tables=None if coloured is False else torch.from_numpy(tables),
            coloured=coloured,
            upside_down=_chosen(picture.upside_down for picture in pictures),
            mirrored=_chosen(picture.mirrored for picture in pictures),
            to_rgb=_chosen(picture.to_rgb for picture in pictures),
        )

    def __len__(self) -> int:
        """Return how many pictures there are."""
        return len(self.images if self.mixes is None else self.mixes)

    def pin_memory(self) -> "Pictures":
        """Return the same in pinned memory; torch's loader calls this."""
        return self._with({name: tensor.pin_memory() for name, tensor in self._travelling()})

    def to(self, device: torch.device, **options: Any) -> "Pictures":
        """Return the same on a device; Lightning calls this. From pinned memory nothing waits for the device."""
        return self._with({name: tensor.to(device, non_blocking=True) for name, tensor in self._travelling()})

    def _with(self, changed: dict[str, Any]) -> "Pictures":
        return replace(self, **changed)

    def _travelling(self) -> Iterator[tuple[str, Tensor]]:
        for name, value in vars(self).items():
            if name != "images" and isinstance(value, Tensor):
                yield name, value


def _chosen(answers: Iterable[bool]) -> Chosen:
    found = list(answers)
    return found[0] if len(set(found)) == 1 else torch.tensor(found)


def _canvas(view: View) -> Canvas:
    return view.canvas if isinstance(view, Warp) else view


def _mix(layer: Layer, views: list[View]) -> Mix:
    """Return a picture's mix, its views added to those of the batch."""
    if isinstance(layer, Blend | Paste):
        how = layer.ratio if isinstance(layer, Blend) else layer.box
        return _mix(layer.first, views), _mix(layer.second, views), how
    views.append(layer)
    return len(views) - 1
