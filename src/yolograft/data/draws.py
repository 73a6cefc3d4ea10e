"""What a training's samples are made of: the order of the images, and the random seed of each image's augmentation."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from yolograft.data.dataset import DetectionDataset
from yolograft.upstream.data import full_hyp
from yolograft.upstream.picture_plan import PlanningDataset, planning_transforms

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
