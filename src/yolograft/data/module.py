"""Batches: which image comes when, and with which random numbers it is augmented."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from yolograft.data.dataset import DetectionDataset
from yolograft.stock.data import full_hyp


@dataclass(frozen=True)
class Draw:
    """One image of a batch, with all that its augmentation depends on."""

    index: int
    seed: int
    closed: bool


class EpochSampler(Sampler[Draw]):
    """Draws every image once an epoch, in an order of its own for each seed and epoch.

    Each draw carries the seed of its augmentation, so a sample depends only on (seed, epoch, image): not on the number
    of loader workers, not on what was drawn before, and not on whether the training was cut off in between.

    Args:
        images: Number of images.
        seed: The run's seed.
        epochs: Epochs of the whole run.
        close_mosaic: Epochs at the end without mosaic.
        start_epoch: Epochs finished by an earlier start of the run.
    """

    def __init__(self, images: int, seed: int, epochs: int, close_mosaic: int, start_epoch: int = 0) -> None:
        self.images = images
        self.seed = seed
        self.first_closed = epochs - close_mosaic if close_mosaic else epochs
        self.start_epoch = start_epoch
        self.epoch = start_epoch

    def set_epoch(self, epoch: int) -> None:
        """Lightning tells the epoch, counted from this start."""
        self.epoch = self.start_epoch + epoch

    def __len__(self) -> int:
        """Return the number of images."""
        return self.images

    def __iter__(self) -> Iterator[Draw]:
        """Yield the draws of the current epoch."""
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(self.images)
        seeds = generator.integers(0, 2**32, self.images, dtype=np.uint64)
        closed = self.epoch >= self.first_closed
        for index, seed in zip(order, seeds, strict=True):
            yield Draw(int(index), int(seed), closed)


class DrawnDataset(Dataset[dict[str, Any]]):
    """A training set that is asked for draws.

    Args:
        dataset: ultralytics' data set with its augmentation.
        hyp: The augmentation values; with mosaic closed, those that combine images are 0.
    """

    def __init__(self, dataset: DetectionDataset, hyp: Mapping[str, Any]) -> None:
        self.dataset = dataset
        self.opened = dataset.transforms
        alone = {**hyp, "mosaic": 0.0, "mixup": 0.0, "cutmix": 0.0, "copy_paste": 0.0}
        self.closed = dataset.build_transforms(full_hyp(SimpleNamespace(**alone)))

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.dataset)

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        """Return the augmented sample of a draw; the global random state is as it was afterwards."""
        before = random.getstate(), np.random.get_state(), torch.get_rng_state()
        random.seed(draw.seed)
        np.random.seed(draw.seed)
        torch.manual_seed(draw.seed)
        try:
            transforms = self.closed if draw.closed else self.opened
            sample: dict[str, Any] = transforms(self.dataset.get_image_and_label(draw.index))
            return sample
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
            torch.set_rng_state(before[2])


class DetectionData(pl.LightningDataModule):
    """The loaders of one training.

    Args:
        train: The augmented training set.
        val: The validation set, in ultralytics' rectangular batches.
        hyp: The augmentation values.
        batch: Images in a training batch; validation takes twice as many, as ultralytics does.
        sampler: The order of the training images.
        workers: Loader processes; 0 loads in the training's own process.
        pin: Pin memory, for CUDA.
    """

    def __init__(
        self,
        train: DetectionDataset,
        val: DetectionDataset,
        hyp: Mapping[str, Any],
        *,
        batch: int,
        sampler: EpochSampler,
        workers: int,
        pin: bool = False,
    ) -> None:
        super().__init__()
        self.train, self.val = DrawnDataset(train, hyp), val
        self.batch, self.sampler, self.workers, self.pin = batch, sampler, workers, pin

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Return the batches of an epoch; the last one may be smaller, as in ultralytics."""
        return _loader(self.train, self.batch, self.workers, self.pin, sampler=self.sampler)

    def val_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Return the validation batches."""
        return val_loader(self.val, self.batch * 2, self.workers, self.pin)


def val_loader(dataset: DetectionDataset, batch: int, workers: int, pin: bool = False) -> DataLoader[dict[str, Any]]:
    """Return the batches of a validation set in its own order (rectangular batches depend on it)."""
    return _loader(dataset, batch, workers, pin, shuffle=False)


def _loader(dataset: Dataset[Any], batch: int, workers: int, pin: bool, **options: Any) -> DataLoader[dict[str, Any]]:
    return DataLoader(
        dataset,
        batch_size=batch,
        num_workers=workers,
        collate_fn=DetectionDataset.collate_fn,
        pin_memory=pin,
        persistent_workers=workers > 0,
        **options,
    )
