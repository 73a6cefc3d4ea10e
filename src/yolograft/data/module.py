"""What Lightning takes its batches from in a training."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset, Sampler

from yolograft.data.continuous import Continuous
from yolograft.data.dataset import DetectionDataset
from yolograft.data.draws import DrawnDataset, EpochBatches
from yolograft.data.helped import Helped
from yolograft.data.loaders import collate, in_order, loader
from yolograft.data.painting import Painter
from yolograft.data.pictures import Pictures


class DetectionData(pl.LightningDataModule):
    """The loaders of one training.

    Args:
        train: The training set.
        val: The validation set.
        batches: The order of the training images.
        val_batch: Images in a validation batch, over all processes.
        workers: Loader processes; 0 loads in the training's own process.
        helper: Whether the training, where it loads its images itself, is helped in the idle time of the processors.
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
        helper: bool = False,
        pin: bool = False,
        painter: Painter | None = None,
    ) -> None:
        super().__init__()
        self.train, self.val, self.batches, self.val_batch = train, val, batches, val_batch
        self.workers, self.pin, self.painter = workers, pin, painter
        self._helped = Helped(train, batches, collate) if helper and not workers else None

    def train_dataloader(self) -> DataLoader[dict[str, Any]] | Continuous | Helped:
        """Return the batches of an epoch."""
        return self._helped or self._continuous(self.train, self.batches)

    def close(self) -> None:
        """End the helper."""
        if self._helped:
            self._helped.close()

    def first_batch(self) -> dict[str, Any]:
        """Return the first batch of an epoch, made here and now."""
        return self.painted(collate([self.train[draw] for draw in next(iter(self.batches))]))

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
        shares = in_order(len(self.val), self.val_batch, self.batches.rank, self.batches.world)
        return self._continuous(self.val, ValidationBatches(shares, self.batches))

    def _continuous(self, dataset: Dataset[Any], batches: Any) -> DataLoader[dict[str, Any]] | Continuous:
        if not self.workers:
            return loader(dataset, 0, self.pin, batches)
        return Continuous(batches, partial(loader, dataset, self.workers, self.pin), dataset)


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
