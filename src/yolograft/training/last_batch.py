"""Refuse, before it begins, a training that its last batch would end.

A batch norm in training mode needs two values per channel. Where the last batch of an epoch has one image, a map of
1x1 (P5 at 32 px, or a backbone's attention over a whole image) gives it one. ultralytics fails there in mid-epoch; its
batches are kept here, so such a training is refused.
"""

import copy
from collections.abc import Sequence

import torch

from yolograft.common.errors import UserError
from yolograft.model.detector import Detector
from yolograft.training.freezing import hold_statistics

SINGLE_VALUE = "Expected more than 1 value per channel when training"
"""The message of torch's batch norm."""


def refuse_single_image(
    model: Detector, frozen: Sequence[str], images: int, batch: int, imgsz: int, processes: int = 1
) -> None:
    """Refuse a training whose last batch of an epoch has one image that the model cannot be trained on.

    The model is tried on one image; it and torch's random numbers are left as they are.

    Args:
        model: The detector.
        frozen: Paths of the modules that are not trained: their batch norms take no statistics.
        images: Images in an epoch.
        batch: Images in a batch.
        imgsz: The smallest image size of the training, pixels.
        processes: Processes that train together; their batch norms see all images.

    Raises:
        UserError: It cannot; says what can be changed.
    """
    if (images - 1) % batch or images < processes or _takes_one(model, frozen, imgsz):
        return
    advice = []
    if other := next((size for size in range(batch + 1, images + 1) if (images - 1) % size), None):
        advice.append(f"batch={other}")
    if larger := next((size for size in (64, 128) if size > imgsz and _takes_one(model, frozen, size)), None):
        advice.append(f"imgsz={larger}")
    raise UserError(
        f"batch={batch}: the last batch of the {images} images has one, which leaves a batch norm one value per "
        f"channel at imgsz={imgsz}; take {' or '.join(advice) or 'more training images'}"
    )


def _takes_one(model: Detector, frozen: Sequence[str], imgsz: int) -> bool:
    parameter = next(model.parameters())
    trial = copy.deepcopy(model).train()
    hold_statistics([trial.model.get_submodule(path) for path in frozen])
    devices = [parameter.device] if parameter.device.type == "cuda" else []
    try:
        with torch.no_grad(), torch.random.fork_rng(devices):
            trial(torch.zeros(1, 3, imgsz, imgsz, device=parameter.device, dtype=parameter.dtype))
    except ValueError as error:
        return SINGLE_VALUE not in str(error)
    return True
