"""The images that an 8 bit export is calibrated on: the run's own training images, as validation would see them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Subset

from yolograft.data.dataset import DetectionDataset, build_dataset
from yolograft.data.spec import DataSpec


def calibration_images(
    spec: DataSpec, imgsz: int, batch: int, images: int, *, single_cls: bool
) -> DataLoader[dict[str, Any]]:
    """Return batches of training images, letterboxed into squares and not augmented: always the same ones.

    Validation images would be measured on afterwards, so none of them takes part. As in ultralytics, a last batch that
    is not full is left out.

    Args:
        spec: The run's data set.
        imgsz: Side of the square, pixels.
        batch: Images in a batch.
        images: Most images that are taken, by chance.
        single_cls: Take all classes for one.
    """
    dataset = build_dataset(
        spec, "train", SimpleNamespace(), imgsz, batch, augment=False, rect=False, single_cls=single_cls
    )
    chosen = np.random.default_rng(0).permutation(len(dataset))[:images]
    return DataLoader(
        Subset(dataset, sorted(map(int, chosen))),
        batch_size=min(batch, len(chosen)),
        collate_fn=DetectionDataset.collate_fn,
        drop_last=True,
    )
