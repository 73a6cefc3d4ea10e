"""Batches of samples, in the order that they are asked for; nothing here needs Lightning, which is slow to import."""

from typing import Any

from torch.utils.data import DataLoader, Dataset

from yolograft.data.dataset import DetectionDataset
from yolograft.data.pictures import Pictures
from yolograft.upstream.picture_plan import Picture


def val_loader(dataset: DetectionDataset, batch: int, workers: int) -> DataLoader[dict[str, Any]]:
    """Return the batches of a validation set in its own order."""
    return loader(dataset, workers, False, in_order(len(dataset), batch))


def in_order(images: int, batch: int, rank: int = 0, world: int = 1) -> list[list[int]]:
    """Return the batches of process `rank`: every `world`-th of those in the data set's own order."""
    starts = range(rank * batch, images, batch * world)
    return [list(range(start, min(start + batch, images))) for start in starts]


def collate(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Collate as ultralytics does; a batch that an earlier start of the run has finished is empty."""
    if not samples:
        return {}
    if not isinstance(samples[0]["img"], Picture):
        return DetectionDataset.collate_fn(samples)
    rest = [{key: value for key, value in sample.items() if key != "img"} for sample in samples]
    return {**DetectionDataset.collate_fn(rest), "img": Pictures.of([sample["img"] for sample in samples])}


def loader(dataset: Dataset[Any], workers: int, pin: bool, batches: Any) -> DataLoader[dict[str, Any]]:
    """Return batches of a data set.

    Args:
        dataset: The data set.
        workers: Loader processes; 0 loads in this one.
        pin: Pin memory, for CUDA.
        batches: Yields the batches, each as what the data set is asked for.
    """
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pin,
    )
