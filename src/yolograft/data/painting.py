"""Pictures from their descriptions (`upstream/picture_plan.py`), a batch at a time, on any device.

What stock does to one picture after the other with OpenCV is done here to all of a batch with torch. Pixels equal
stock's up to the rounding of interpolation.
"""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from yolograft.data.hsv import to_bgr, to_hsv
from yolograft.upstream.picture_plan import GREY, Blend, Canvas, Layer, Paste, Picture, Warp

_VALUES = 2**26
"""Values of the canvases that are seen through their matrices at a time: 256 MB as float32."""


class Pictures:
    """The descriptions of a batch's pictures, where otherwise its images stand.

    No sequence: Lightning would look for tensors within, and refuses what is frozen.
    """

    def __init__(self, pictures: Iterable[Picture]) -> None:
        self._pictures = list(pictures)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._pictures)

    def __iter__(self) -> Iterator[Picture]:
        """Yield them in the batch's order."""
        return iter(self._pictures)


class Painter:
    """Paints batches.

    Args:
        images: Each image, uint8 [channels, height, width], on the device or in pinned memory.
        device: Where pictures are painted.
    """

    def __init__(self, images: Sequence[Tensor], device: torch.device) -> None:
        self.images, self.device = images, device

    def __call__(self, described: Iterable[Picture]) -> Tensor:
        """Return the pictures, uint8 [B, channels, H, W], on the device; all have one shape."""
        pictures = list(described)
        views = self._views([view for picture in pictures for view in _views_of(picture.layer)])
        painted = torch.stack([_mixed(picture.layer, views) for picture in pictures])
        self._recolour(painted, pictures)
        for axis, name in ((2, "upside_down"), (3, "mirrored"), (1, "to_rgb")):
            chosen = [index for index, picture in enumerate(pictures) if getattr(picture, name)]
            if chosen:
                painted[chosen] = painted[chosen].flip(axis)
        return painted

    def _views(self, views: Sequence[Canvas | Warp]) -> dict[int, Tensor]:
        """Return each view's pixels, uint8 [channels, H, W], by the view's `id`."""
        found: dict[int, Tensor] = {id(view): self._canvas(view) for view in views if isinstance(view, Canvas)}
        for group in _groups([view for view in views if isinstance(view, Warp)]):
            for view, pixels in zip(group, self._seen(group), strict=True):
                found[id(view)] = pixels
        return found

    def _canvas(self, canvas: Canvas, height: int | None = None, width: int | None = None) -> Tensor:
        """Return a canvas, uint8, continued in grey to a larger size where one is given."""
        rows, columns, channels = canvas.shape
        size = (channels, height or rows, width or columns)
        pixels = torch.full(size, GREY, dtype=torch.uint8, device=self.device)
        for tile in canvas.tiles:
            image = self.images[tile.image].to(self.device, non_blocking=True)
            part = image[:, tile.top : tile.bottom, tile.left : tile.right]
            pixels[:, tile.y : tile.y + part.shape[1], tile.x : tile.x + part.shape[2]] = part
        return pixels

    def _seen(self, views: Sequence[Warp]) -> Tensor:
        """Return what is seen through each matrix: bilinear, grey outside, as `cv2.warpAffine` does."""
        height, width = (max(view.canvas.shape[axis] for view in views) for axis in (0, 1))
        canvases = torch.stack([self._canvas(view.canvas, height, width) for view in views])
        matrices = torch.stack([torch.from_numpy(view.matrix).double() for view in views])
        # Pixels of the result in those of the canvas, then -1 … 1 from the centre of the first pixel to the last's.
        scale = torch.tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1), 1.0], dtype=torch.float64)
        inverse = torch.linalg.inv(matrices) * scale[:, None]
        inverse[:, :2] -= inverse[:, 2:]
        inverse = inverse.float().to(self.device)
        rows, columns, _ = views[0].shape
        ys = torch.arange(rows, dtype=torch.float32, device=self.device)[:, None]
        xs = torch.arange(columns, dtype=torch.float32, device=self.device)
        a, b, c = (inverse[:, :, axis, None, None] for axis in range(3))
        x, y, w = (a * xs + b * ys + c).unbind(1)
        grid = torch.stack((x / w, y / w), dim=-1)
        # Zero outside, and half a pixel of the way there, is grey then.
        seen = functional.grid_sample(canvases.float() - GREY, grid, align_corners=True) + GREY
        return seen.round_().clamp_(0, 255).to(torch.uint8)

    def _recolour(self, painted: Tensor, pictures: Sequence[Picture]) -> None:
        """Change hue, saturation and value in place."""
        step = max(_VALUES // (4 * painted[0].numel()), 1)
        chosen = [index for index, picture in enumerate(pictures) if picture.lut is not None]
        for start in range(0, len(chosen), step):
            part = chosen[start : start + step]
            luts = torch.stack([torch.from_numpy(pictures[index].lut) for index in part]).to(self.device)
            hsv = to_hsv(painted[part]).flatten(2).long()
            painted[part] = to_bgr(luts.gather(2, hsv).unflatten(2, painted.shape[2:]))


def _views_of(layer: Layer) -> Iterator[Canvas | Warp]:
    if isinstance(layer, Blend | Paste):
        yield from _views_of(layer.first)
        yield from _views_of(layer.second)
    else:
        yield layer


def _mixed(layer: Layer, views: dict[int, Tensor]) -> Tensor:
    if isinstance(layer, Blend):
        first, second = (_mixed(each, views).float() for each in (layer.first, layer.second))
        return (first * layer.ratio + second * (1 - layer.ratio)).to(torch.uint8)  # cut off, as stock does
    if isinstance(layer, Paste):
        x1, y1, x2, y2 = layer.box
        mixed = _mixed(layer.first, views).clone()
        mixed[:, y1:y2, x1:x2] = _mixed(layer.second, views)[:, y1:y2, x1:x2]
        return mixed
    return views[id(layer)]


def _groups(views: Sequence[Warp]) -> Iterator[list[Warp]]:
    """Yield the views a few at a time, those with results of one shape together."""
    by_shape: dict[tuple[int, int, int], list[Warp]] = {}
    for view in views:
        by_shape.setdefault(view.shape, []).append(view)
    for same in by_shape.values():
        largest = max(view.canvas.shape[0] * view.canvas.shape[1] * view.canvas.shape[2] for view in same)
        step = max(_VALUES // largest, 1)
        yield from (same[start : start + step] for start in range(0, len(same), step))
