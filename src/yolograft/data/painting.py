"""Pictures from their descriptions (`upstream/picture_plan.py`), a batch at a time, on any device.

What stock does to one picture after the other with OpenCV is done here to all of a batch with torch. Pixels equal
stock's up to the rounding of interpolation. Nothing here waits for the device, so that a GPU which is still busy with
one batch is told of the next one's pictures meanwhile; and little is told: a batch takes some hundred operations.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from yolograft.data.hsv import to_bgr, to_hsv
from yolograft.data.pictures import Chosen, Mix, Pictures
from yolograft.upstream.picture_plan import GREY

_VALUES = 2**27
"""Values of the images that are worked on at a time: 0.5 GB as float32."""


class Painter:
    """Paints batches.

    Args:
        images: All images, uint8 [N, channels, height, width], smaller ones continued in grey, on the device or in
            pinned memory.
        device: Where pictures are painted.
    """

    def __init__(self, images: Tensor, device: torch.device) -> None:
        self.images, self.device = images, device

    def __call__(self, pictures: Pictures) -> Tensor:
        """Return a batch's pictures, uint8 [B, channels, H, W], on the device."""
        pictures = pictures.to(self.device)
        views = self._views(pictures)
        painted = views if pictures.mixes is None else torch.stack([_mixed(mix, views) for mix in pictures.mixes])
        _recolour(painted, pictures)
        for axis, chosen in ((2, pictures.upside_down), (3, pictures.mirrored), (1, pictures.to_rgb)):
            if chosen is not False:
                painted = _where(chosen, painted.flip(axis), painted)
        return painted

    def _views(self, pictures: Pictures) -> Tensor:
        """Return the views, uint8 [V, channels, H, W]."""
        step = max(_VALUES // (pictures.images.shape[1] * self.images[0].numel()), 1)
        parts = (slice(start, start + step) for start in range(0, len(pictures.images), step))
        return torch.cat([self._seen(pictures, part) for part in parts])

    def _seen(self, pictures: Pictures, part: slice) -> Tensor:
        """Return some of the views: bilinear, grey outside of the images, as `cv2.warpAffine` of a canvas of them.

        Sampled one by one, the images of a view add up: outside of its rectangle each has the value 0, and the weights
        of a pixel between two of them are shared among both.
        """
        height, width = self.images.shape[2:]
        rectangles = pictures.rectangles[part].flatten(0, 1)[..., None, None]  # [N, 4, 1, 1]
        left, top, right, bottom = rectangles.unbind(1)
        x, y = (torch.arange(side, device=self.device) for side in (width, height))
        y = y[:, None]
        within = ((x >= left) & (x < right)) & ((y >= top) & (y < bottom))
        values = (self._taken(pictures, part).float() - GREY) * within[:, None]
        grid = _grid(pictures.matrices[part].flatten(0, 1), (height, width), (pictures.height, pictures.width))
        each = functional.grid_sample(values, grid, align_corners=True)
        seen = each.unflatten(0, (-1, pictures.images.shape[1])).sum(1) + GREY
        return seen.round_().clamp_(0, 255).to(torch.uint8)

    def _taken(self, pictures: Pictures, part: slice) -> Tensor:
        """Return the images of some views on the device, uint8 [N, channels, height, width]."""
        if self.images.device == pictures.indices.device:
            return self.images[pictures.indices[part].flatten()]
        chosen = pictures.images[part].flatten().tolist()
        taken = torch.empty((len(chosen), *self.images.shape[1:]), dtype=torch.uint8, device=self.device)
        for target, index in zip(taken, chosen, strict=True):
            target.copy_(self.images[index], non_blocking=True)
        return taken


def _grid(matrices: Tensor, images: tuple[int, int], views: tuple[int, int]) -> Tensor:
    """Return where each pixel of a view lies in an image, -1 … 1 from the centre of its first pixel to the last's.

    Args:
        matrices: From pixels of the view to those of the image, float64 [N, 3, 3].
        images: Height and width of the images.
        views: Height and width of the views.

    Returns:
        Float32 [N, H, W, 2], x first.
    """
    (height, width), (rows, columns) = images, views
    across, down, one = matrices.unbind(1)
    across, down = across * (2 / max(width - 1, 1)) - one, down * (2 / max(height - 1, 1)) - one
    xs = torch.arange(columns, dtype=torch.float32, device=matrices.device)
    ys = torch.arange(rows, dtype=torch.float32, device=matrices.device)[:, None]
    x, y, w = (
        a[:, None, None] * xs + (b[:, None, None] * ys + c[:, None, None])
        for a, b, c in (row.float().unbind(1) for row in (across, down, one))
    )
    return torch.stack((x / w, y / w), dim=-1)


def _recolour(painted: Tensor, pictures: Pictures) -> None:
    """Change hue, saturation and value in place."""
    if pictures.tables is None:
        return
    step = max(_VALUES // (4 * painted[0].numel()), 1)
    for start in range(0, len(painted), step):
        part = slice(start, start + step)
        hsv = to_hsv(painted[part]).flatten(2).long()
        coloured = to_bgr(pictures.tables[part].gather(2, hsv).unflatten(2, painted.shape[2:]))
        chosen = pictures.coloured if isinstance(pictures.coloured, bool) else pictures.coloured[part]
        painted[part] = _where(chosen, coloured, painted[part])


def _where(chosen: Chosen, new: Tensor, old: Tensor) -> Tensor:
    """Return the new pictures where they are chosen, else the old ones."""
    return torch.where(chosen[:, None, None, None], new, old) if isinstance(chosen, Tensor) else new


def _mixed(mix: Mix, views: Sequence[Tensor] | Tensor) -> Tensor:
    """Return a picture, uint8 [channels, H, W]."""
    if isinstance(mix, int):
        return views[mix]
    first, second, how = _mixed(mix[0], views), _mixed(mix[1], views), mix[2]
    if isinstance(how, float):
        return (first.float() * how + second.float() * (1 - how)).to(torch.uint8)  # cut off, as stock does
    x1, y1, x2, y2 = how
    first = first.clone()
    first[:, y1:y2, x1:x2] = second[:, y1:y2, x1:x2]
    return first
