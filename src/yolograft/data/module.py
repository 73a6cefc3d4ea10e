"""Batches: the order of the images, and the random seed of each image's augmentation."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from yolograft.data.continuous import Continuous
from yolograft.data.dataset import DetectionDataset
from yolograft.data.painting import Painter
from yolograft.data.pictures import Pictures
from yolograft.upstream.data import full_hyp
from yolograft.upstream.picture_plan import Picture, PlanningDataset, planning_transforms

#: Augmentations that combine several images; ultralytics ends them for the last `close_mosaic` epochs.
COMBINING = ("mosaic", "mixup", "cutmix")


@dataclass(frozen=True)
class Draw:
    """One image of a batch, with all that its augmentation depends on.

    Attributes:
        index: The image.
        seed: Seeds its augmentation.
        mode: Which of the training set's lists of augmentations is applied.
    """

    index: int
    seed: int
    mode: int


class EpochBatches(Sampler[list[Draw]]):
    """The batches of an epoch: every image once, in an order of its own for each seed and epoch.

    Each draw holds the seed of its augmentation, so a sample depends only on (seed, epoch, image): not on the number
    of loader workers, not on what was drawn before, and not on whether the training was cut off in between. Of several
    processes each takes its share of every batch.

    Args:
        images: Number of images.
        batch: Images in a batch, over all processes.
        seed: The run's seed.
        mode: The list of augmentations of an epoch.
        more: Whether an epoch will come; where it is not known, it may.
        start_epoch: Epochs finished by an earlier start of the run.
        start_batch: Batches finished in the epoch after them; they come out empty.
        attempt: Counts repetitions after a loss that was not finite: each draws anew.
        shuffle: An order of its own for each epoch; else the data set's order (rectangular batches depend on it).
        rank: This process.
        world: Number of processes.
    """

    def __init__(
        self,
        images: int,
        batch: int,
        seed: int,
        *,
        mode: Callable[[int], int] = lambda epoch: 0,
        more: Callable[[int], bool] = lambda epoch: True,
        start_epoch: int = 0,
        start_batch: int = 0,
        attempt: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.images, self.batch, self.seed, self.mode, self.more = images, batch, seed, mode, more
        self.start_epoch, self.start_batch, self.attempt = start_epoch, start_batch, attempt
        self.shuffle, self.rank, self.world = shuffle, rank, world
        self.epoch = start_epoch

    @property
    def sampler(self) -> "EpochBatches":
        """Where Lightning looks for `set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, counted from this start; called by Lightning."""
        self.epoch = self.start_epoch + epoch

    def __len__(self) -> int:
        """Return the number of batches; the last one may be smaller, as in ultralytics."""
        full, rest = divmod(self.images, self.batch)
        return full + (rest >= self.world)  # each process needs an image

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yield the batches of the current epoch."""
        return self.draws(self.epoch)

    def draws(self, epoch: int) -> Iterator[list[Draw]]:
        """Yield the batches of an epoch."""
        generator = np.random.default_rng([self.seed, epoch] + [self.attempt] * (self.attempt > 0))
        order = generator.permutation(self.images) if self.shuffle else np.arange(self.images)
        seeds = generator.integers(0, 2**32, self.images, dtype=np.uint64)
        mode = self.mode(epoch)
        skipped = self.start_batch if epoch == self.start_epoch else 0
        for number in range(len(self)):
            places = range(number * self.batch, min((number + 1) * self.batch, self.images))
            share = np.array_split(np.array(places), self.world)[self.rank]
            yield [] if number < skipped else [Draw(int(order[p]), int(seeds[p]), mode) for p in share]


class DrawnDataset(Dataset[dict[str, Any]]):
    """A training set that is indexed by draws.

    Args:
        dataset: Ultralytics' data set with its augmentation; with one that plans, pictures are descriptions.
        modes: The augmentation values of each mode.

    Raises:
        ValueError: The data set plans, and one of its transforms cannot be written down.
    """

    def __init__(self, dataset: DetectionDataset | PlanningDataset, modes: Sequence[Mapping[str, Any]]) -> None:
        self.dataset = dataset
        self.transforms = [_transforms(dataset, mode) for mode in modes]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.dataset)

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        """Return the augmented sample of a draw; the global random state is as it was afterwards."""
        before = random.getstate(), np.random.get_state(), torch.get_rng_state()
        random.seed(draw.seed)
        np.random.seed(draw.seed)
        # The CPU's alone: `torch.manual_seed` notes a stack trace for every kind of device that is not in use.
        torch.default_generator.manual_seed(draw.seed)
        try:
            sample: dict[str, Any] = self.transforms[draw.mode](self.dataset.get_image_and_label(draw.index))
            return sample
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
            torch.set_rng_state(before[2])


def _transforms(dataset: DetectionDataset | PlanningDataset, values: Mapping[str, Any]) -> Any:
    if isinstance(dataset, PlanningDataset):
        return planning_transforms(dataset, dict(values))
    return dataset.build_transforms(full_hyp(SimpleNamespace(**values)))


def closed(augment: Mapping[str, Any]) -> dict[str, Any]:
    """Return augmentation values without those that combine images."""
    return {**augment, **dict.fromkeys(COMBINING, 0.0)}


class DetectionData(pl.LightningDataModule):
    """The loaders of one training.

    Args:
        train: The training set.
        val: The validation set.
        batches: The order of the training images.
        val_batch: Images in a validation batch, over all processes.
        workers: Loader processes; 0 loads in the training's own process.
        pin: Pin memory, for CUDA.
        painter: Makes images of pictures that are descriptions, once they are where the training is.
    """

    def __init__(
        self,
        train: DrawnDataset,
        val: DetectionDataset,
        batches: EpochBatches,
        *,
        val_batch: int,
        workers: int,
        pin: bool = False,
        painter: Painter | None = None,
    ) -> None:
        super().__init__()
        self.train, self.val, self.batches, self.val_batch = train, val, batches, val_batch
        self.workers, self.pin, self.painter = workers, pin, painter

    def train_dataloader(self) -> DataLoader[dict[str, Any]] | Continuous:
        """Return the batches of an epoch."""
        return self._continuous(self.train, self.batches)

    def first_batch(self) -> dict[str, Any]:
        """Return the first batch of an epoch, made here and now."""
        return self.painted(_collate([self.train[draw] for draw in next(iter(self.batches))]))

    def painted(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return a batch with its images, uint8 [B, channels, H, W]."""
        if self.painter is None or not isinstance(batch.get("img"), Pictures):
            return batch
        return {**batch, "img": self.painter(batch["img"])}

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """Paint the pictures of a batch whose boxes have come to the training's device; called by Lightning."""
        return self.painted(batch)

    def val_dataloader(self) -> DataLoader[dict[str, Any]] | Continuous:
        """Return the validation batches; of several processes each goes through its share of them."""
        shares = _in_order(len(self.val), self.val_batch, self.batches.rank, self.batches.world)
        return self._continuous(self.val, ValidationBatches(shares, self.batches))

    def _continuous(self, dataset: Dataset[Any], batches: Any) -> DataLoader[dict[str, Any]] | Continuous:
        if not self.workers:
            return _loader(dataset, 0, self.pin, batches)
        return Continuous(batches, partial(_loader, dataset, self.workers, self.pin), dataset)


class ValidationBatches(Sampler[list[int]]):
    """The batches of a validation set, the same after every epoch of a training.

    Args:
        batches: Images of each batch.
        training: The batches of the training, which knows the epoch.
    """

    def __init__(self, batches: Sequence[list[int]], training: EpochBatches) -> None:
        self.batches, self.training = batches, training
        self.more = training.more

    @property
    def epoch(self) -> int:
        """The training's epoch."""
        return self.training.epoch

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches."""
        return iter(self.batches)

    def draws(self, epoch: int) -> Iterator[list[int]]:
        """Yield the batches after an epoch."""
        return iter(self.batches)

    def mode(self, epoch: int) -> int:
        """Return the mode of an epoch; there is only one."""
        return 0


def val_loader(dataset: DetectionDataset, batch: int, workers: int) -> DataLoader[dict[str, Any]]:
    """Return the batches of a validation set in its own order."""
    return _loader(dataset, workers, False, _in_order(len(dataset), batch))


def _in_order(images: int, batch: int, rank: int = 0, world: int = 1) -> list[list[int]]:
    """Return the batches of process `rank`: every `world`-th of those in the data set's own order."""
    starts = range(rank * batch, images, batch * world)
    return [list(range(start, min(start + batch, images))) for start in starts]


def _collate(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Collate as ultralytics does; a batch that an earlier start of the run has finished is empty."""
    if not samples:
        return {}
    if not isinstance(samples[0]["img"], Picture):
        return DetectionDataset.collate_fn(samples)
    rest = [{key: value for key, value in sample.items() if key != "img"} for sample in samples]
    return {**DetectionDataset.collate_fn(rest), "img": Pictures.of([sample["img"] for sample in samples])}


def _loader(dataset: Dataset[Any], workers: int, pin: bool, batches: Any) -> DataLoader[dict[str, Any]]:
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=pin,
    )
