"""A loader whose processes go on with the next epoch's batches while this one ends and is validated.

A DataLoader's processes begin an epoch when its first batch is asked for, and a GPU waits until they have it. Here one
iteration of a DataLoader lasts for all epochs, as in ultralytics' `InfiniteDataLoader`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from torch.utils.data import DataLoader


class Batches(Protocol):
    """The batches of every epoch."""

    @property
    def epoch(self) -> int:
        """The epoch that is asked for next."""
        ...

    def __len__(self) -> int:
        """Return how many batches an epoch has."""
        ...

    def draws(self, epoch: int) -> Iterable[Any]:
        """Return what each batch of an epoch is made of."""
        ...

    def mode(self, epoch: int) -> int:
        """Return how an epoch's batches are made; what was begun in another mode is of no use."""
        ...

    def more(self, epoch: int) -> bool:
        """Return whether an epoch will come."""
        ...


class Continuous:
    """Yields the batches of one epoch each time it is gone through, and has the next epoch's made meanwhile.

    Args:
        batches: What the batches of each epoch are made of.
        loader: Makes a DataLoader, with processes of its own, of what batches are made of.
        dataset: Where the samples come from; ultralytics' validator asks for it.
    """

    def __init__(self, batches: Batches, loader: Callable[[Iterable[Any]], DataLoader[Any]], dataset: Any) -> None:
        self.dataset = dataset
        self.batch_sampler = batches  # under this name Lightning looks for who is to be told of the epoch
        self._loader = loader
        self._iterator: Any = None  # under this name Lightning looks for processes that it has to end
        self._next: tuple[int, int] | None = None  # epoch and mode of what the iterator yields next
        self._begun: dict[int, int] = {}  # the mode of each epoch whose batches are being made

    def __len__(self) -> int:
        """Return how many batches an epoch has."""
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of the epoch that `batches` is at."""
        epoch, length = self.batch_sampler.epoch, len(self.batch_sampler)
        if self._iterator is None or self._next != (epoch, self.batch_sampler.mode(epoch)):
            self._iterator, self._begun = None, {}  # ends the processes before others start
            self._iterator = iter(self._loader(_Stream(self._draws(epoch))))
        self._next = None
        for number in range(length):
            batch = next(self._iterator)
            if number == length - 1:  # whoever knows the length asks no further
                begun = self._begun.get(epoch + 1)  # a loader's processes are always a few batches ahead
                self._next = None if begun is None else (epoch + 1, begun)
            yield batch

    def _draws(self, epoch: int) -> Iterator[Any]:
        """Yield what the batches of an epoch and of those after it are made of."""
        while True:
            self._begun[epoch] = self.batch_sampler.mode(epoch)
            yield from self.batch_sampler.draws(epoch)
            epoch += 1
            if not self.batch_sampler.more(epoch):
                return


class _Stream:
    """An iterator as a batch sampler, which has no length."""

    def __init__(self, draws: Iterator[Any]) -> None:
        self._draws = draws

    def __iter__(self) -> Iterator[Any]:
        return self._draws
