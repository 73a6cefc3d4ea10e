"""Loading processes go on from epoch to epoch: the batches are those of an epoch at a time."""

from collections.abc import Iterator
from typing import Any

import pytest
from torch.utils.data import DataLoader, Dataset

from yolograft.data.continuous import Continuous
from yolograft.data.draws import Draw, EpochBatches
from yolograft.data.loaders import in_order
from yolograft.data.module import ValidationBatches


class Asked(Dataset[Any]):
    """Gives back what it is asked for."""

    def __getitem__(self, draw: Any) -> Any:
        return draw

    def __len__(self) -> int:
        return 10


class Loaders:
    """Makes loaders with two processes, and counts them."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, batches: Any) -> DataLoader[Any]:
        self.made += 1
        return DataLoader(Asked(), batch_sampler=batches, num_workers=2, collate_fn=list)


@pytest.fixture
def loaders() -> Loaders:
    return Loaders()


def gone_through(loader: Continuous) -> list[list[Draw]]:
    """Return an epoch's batches, taken as Lightning takes them: it asks no further than the length."""
    found: Iterator[Any] = iter(loader)
    return [next(found) for _ in range(len(loader))]


def test_every_epoch_has_its_own_batches_and_the_processes_stay(loaders: Loaders) -> None:
    batches, alone = EpochBatches(10, 4, seed=0), EpochBatches(10, 4, seed=0)
    loader = Continuous(batches, loaders, Asked())
    assert len(loader) == 3
    for epoch in range(4):
        batches.set_epoch(epoch)
        alone.set_epoch(epoch)
        assert gone_through(loader) == list(alone)
    assert loaders.made == 1


def test_no_batches_are_made_for_an_epoch_that_does_not_come(loaders: Loaders) -> None:
    asked = []

    class Noted(EpochBatches):
        def draws(self, epoch: int) -> Iterator[list[Draw]]:
            asked.append(epoch)
            return super().draws(epoch)

    batches = Noted(10, 4, seed=0, more=lambda epoch: epoch < 2)
    loader = Continuous(batches, loaders, Asked())
    for epoch in range(2):
        batches.set_epoch(epoch)
        gone_through(loader)
    assert asked == [0, 1]


def test_a_training_may_be_stretched_at_its_end(loaders: Loaders) -> None:
    epochs = [1]
    batches = EpochBatches(10, 4, seed=0, more=lambda epoch: epoch < epochs[0])
    loader = Continuous(batches, loaders, Asked())
    gone_through(loader)
    epochs[0] = 2
    batches.set_epoch(1)
    assert gone_through(loader) == list(batches)


@pytest.mark.parametrize("what", ["cut short", "another epoch", "another mode"])
def test_what_was_begun_for_nothing_is_thrown_away(loaders: Loaders, what: str) -> None:
    modes = dict.fromkeys(range(9), 0)
    batches, alone = (EpochBatches(10, 4, seed=0, mode=lambda epoch: modes[epoch]) for _ in range(2))
    loader = Continuous(batches, loaders, Asked())
    then = 1
    if what == "cut short":
        next(iter(loader))
        then = 0
    else:
        gone_through(loader)
        if what == "another mode":
            modes.update(dict.fromkeys(modes, 1))
        else:
            then = 5
    batches.set_epoch(then)
    alone.set_epoch(then)
    found = gone_through(loader)
    assert found == list(alone)
    assert {draw.mode for batch in found for draw in batch} == {int(what == "another mode")}
    assert loaders.made == 2


def test_a_validation_has_the_same_batches_each_time(loaders: Loaders) -> None:
    training = EpochBatches(10, 4, seed=0, more=lambda epoch: epoch < 3)
    loader = Continuous(ValidationBatches(in_order(10, 4, 1, 2), training), loaders, Asked())
    for epoch in range(3):
        training.set_epoch(epoch)
        assert gone_through(loader) == [[4, 5, 6, 7]]
    assert loaders.made == 1
