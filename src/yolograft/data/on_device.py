"""Augmentation on the training's device: images are decoded once and kept there, pictures are painted there."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import psutil
import torch
from torch import Tensor

from yolograft.compute.devices import Compute
from yolograft.data.dataset import DetectionDataset
from yolograft.data.draws import Draw, DrawnDataset
from yolograft.data.painting import Painter
from yolograft.data.pictures import Pictures
from yolograft.upstream.picture_plan import GREY, planning

log = logging.getLogger(__name__)

AugmentDevice = Literal["auto", "cpu", "gpu"]

_SHARE = 0.4
"""Of the free memory, that images may take; model and gradients need the rest."""
_TOLERATED = 2.0
"""Mean difference, of 255 levels, between a picture painted on the device and stock's; roundings make up to 0.5."""


def drawn(
    dataset: DetectionDataset, modes: Sequence[Mapping[str, Any]], where: AugmentDevice, compute: Compute
) -> tuple[DrawnDataset, Painter | None]:
    """Return the training samples, and what paints their pictures where that is not done by the loader.

    `auto` paints on a CUDA device. Where that cannot be done, or comes out unlike stock's, the log says why and the
    loader does it, as ultralytics does.

    Args:
        dataset: The training set.
        modes: The augmentation values of each mode.
        where: `cpu` has the loader do it, `gpu` the training's device.
        compute: Names that device.
    """
    stock = DrawnDataset(dataset, modes)
    if where == "cpu" or (where == "auto" and compute.accelerator != "gpu"):
        return stock, None
    try:
        images, sizes = _decoded(dataset, compute.device)
        planned, painter = DrawnDataset(planning(dataset, sizes), modes), Painter(images, compute.device)
        _refuse_unlike(stock, planned, painter)
    except (ValueError, RuntimeError, NotImplementedError) as reason:  # torch's out-of-memory error is one of them
        log.warning("Images are augmented on the CPU, since on %s it cannot be done: %s", compute.device, reason)
        return stock, None
    log.info("Images are augmented on %s; they are kept %s.", compute.device, _place(images))
    return planned, painter


def _decoded(dataset: DetectionDataset, device: torch.device) -> tuple[Tensor, list[Any]]:
    """Return all images on the device or in pinned memory, as the painter takes them, and their sizes.

    Raises:
        ValueError: They fit into neither.
    """
    height, width = map(max, zip(*(_resized(label["shape"], dataset.imgsz) for label in dataset.labels), strict=True))
    size = (len(dataset), dataset.channels, height, width)
    need = math.prod(size)
    on_device = need <= _SHARE * _free(device)
    if not on_device and need > _SHARE * psutil.virtual_memory().available:
        raise ValueError(f"{len(dataset)} images take {need / 1e9:.1f} GB")
    where: dict[str, Any] = {"device": device} if on_device else {"pin_memory": True}
    images = torch.full(size, GREY, dtype=torch.uint8, **where)
    sizes = []
    for index in range(len(dataset)):
        pixels, original, resized = dataset.load_image(index)
        image = torch.from_numpy(pixels).permute(2, 0, 1)
        images[index, :, : image.shape[1], : image.shape[2]] = image.to(images.device)
        sizes.append((original, resized))
    return images, sizes


def _resized(shape: Sequence[int], imgsz: int) -> tuple[int, int]:
    """Return the height and width of an image once it is resized, as `UpstreamDataset.load_image` does it."""
    ratio = imgsz / max(shape)
    height, width = (min(math.ceil(side * ratio), imgsz) for side in shape)
    return height, width


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def _place(images: Tensor) -> str:
    return "in pinned memory" if images.is_pinned() else f"on {images.device}"


def _refuse_unlike(stock: DrawnDataset, planned: DrawnDataset, painter: Painter) -> None:
    """Compare a few samples of both kinds: boxes to the bit, pictures up to rounding.

    Raises:
        ValueError: They differ.
    """
    for index in range(min(3, len(stock))):
        draw = Draw(index, seed=index, mode=0)
        ours, theirs = planned[draw], stock[draw]
        if not (torch.equal(ours["bboxes"], theirs["bboxes"]) and torch.equal(ours["cls"], theirs["cls"])):
            raise ValueError("its boxes are not those of ultralytics' augmentation")
        difference = (painter(Pictures.of([ours["img"]]))[0].cpu().float() - theirs["img"].float()).abs().mean()
        if not difference <= _TOLERATED:
            raise ValueError(f"its pictures differ from ultralytics' by {difference:.1f} of 255 levels")
