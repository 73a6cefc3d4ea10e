"""A helper makes samples ahead in idle time: the batches are those of a training without one, whatever befalls it."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch

from yolograft.data import helped
from yolograft.data.draws import Draw, EpochBatches
from yolograft.data.helped import Helped

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system has no idle priority")

IMAGES, BATCH = 10, 4

log = logging.getLogger(__name__)


class Made:
    """Makes samples that say who made them."""

    def __init__(self, fault: int | None = None, large: int | None = None) -> None:
        self.dataset = SimpleNamespace(imgsz=8, channels=3)
        self.fault, self.large = fault, large

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        if draw.index == self.fault:
            raise ValueError("cannot be read")
        log.warning("made %s", draw.index)
        pixels = torch.full((3, 8, 8), draw.index, dtype=torch.uint8)
        beside = bytes(2 * helped._BESIDE_PIXELS) if draw.index == self.large else b""
        return {"draw": draw, "pixels": pixels, "by": os.getpid(), "beside": beside}


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let helpers run at ordinary priority: beside other tests there may be no idle time for minutes."""
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None)


@pytest.fixture
def children() -> Iterator[Callable[[], list[psutil.Process]]]:
    """Return what lists the helpers; none is left behind."""
    before = set(psutil.Process().children())

    def now() -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if child not in before]

    yield now
    assert not psutil.wait_procs(now(), timeout=60)[1]
    assert not now()  # no zombie either


def helped_batches(made: Made, batches: EpochBatches) -> Helped:
    """Return the batches as lists of samples."""
    collate: Any = list
    dataset: Any = made
    return Helped(dataset, batches, collate)


def batches_of(
    loader: Helped, epochs: int = 1, *, wait: bool = False
) -> Iterator[tuple[list[dict[str, Any]], list[Draw]]]:
    """Yield the samples of every batch, taken as Lightning takes them, and what they should be made of.

    Args:
        loader: The batches.
        epochs: How many to go through.
        wait: Give the helper the time to be as far ahead as it may.
    """
    for epoch in range(epochs):
        loader.batch_sampler.set_epoch(epoch)
        found: Any = iter(loader)  # Lightning asks no further than the length
        for draws in loader.batch_sampler.draws(epoch):
            if wait and loader._helper:
                until = time.monotonic() + 60
                helper = loader._helper
                while helper._made(-1, Draw(0, 0, 0)) is None and time.monotonic() < until:
                    if len(helper._finished) >= len(draws):
                        break
                    time.sleep(0.01)
            yield next(found), draws


def assert_right(samples: list[dict[str, Any]], draws: list[Draw]) -> None:
    assert [sample["draw"] for sample in samples] == draws
    assert all(torch.equal(s["pixels"], torch.full((3, 8, 8), s["draw"].index, dtype=torch.uint8)) for s in samples)


def test_batches_are_right_and_one_helper_makes_them_for_all_epochs(
    children: Callable[[], list[psutil.Process]],
) -> None:
    loader = helped_batches(Made(), EpochBatches(IMAGES, BATCH, seed=0, more=lambda epoch: epoch < 3))
    assert len(loader) == 3
    makers = []
    for samples, draws in batches_of(loader, epochs=3, wait=True):
        assert_right(samples, draws)
        makers.append({sample["by"] for sample in samples})
    (helper,) = children()
    assert makers[1:] == [{helper.pid}] * 8  # of the first batch, the training may have made some
    loader.close()


def test_a_helper_takes_idle_time_only_and_holds_none_of_the_trainings_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen = tmp_path / "chosen"
    monkeypatch.setattr(os, "sched_setscheduler", lambda *given: chosen.write_text(str(given[:2])))
    with (tmp_path / "open.txt").open("w") as opened:
        loader = helped_batches(Made(), EpochBatches(IMAGES, BATCH, seed=0))
        list(batches_of(loader, wait=True))
        (helper,) = psutil.Process().children()
        held = {link.readlink().name for link in Path(f"/proc/{helper.pid}/fd").iterdir()}
        assert Path(opened.name).name not in held
        assert {name.partition(":")[0] for name in held} == {"null", "pipe"}
    assert chosen.read_text() == str((0, os.SCHED_IDLE))
    loader.close()


def test_what_it_logs_is_said_once_by_the_training(caplog: pytest.LogCaptureFixture) -> None:
    loader = helped_batches(Made(), EpochBatches(IMAGES, BATCH, seed=0))
    asked = [draw.index for _, draws in batches_of(loader, epochs=2, wait=True) for draw in draws]
    assert sorted(caplog.messages) == sorted(f"made {index}" for index in asked)
    loader.close()


@pytest.mark.parametrize("befalls", [signal.SIGSTOP, signal.SIGKILL])
def test_the_training_never_waits_for_its_helper(
    befalls: signal.Signals, children: Callable[[], list[psutil.Process]]
) -> None:
    loader = helped_batches(Made(), EpochBatches(IMAGES, BATCH, seed=0))
    own = []
    for number, (samples, draws) in enumerate(batches_of(loader, epochs=40)):
        assert_right(samples, draws)
        if number == 0:
            os.kill(children()[0].pid, befalls)
        own.append({sample["by"] for sample in samples} == {os.getpid()})
    assert all(own[6:])  # it may have been ahead
    loader.close()


def test_an_epoch_that_has_another_mode_since_the_fork_is_not_made_of_what_the_helper_has(
    children: Callable[[], list[psutil.Process]],
) -> None:
    closed_from = [9]
    loader = helped_batches(
        Made(), EpochBatches(IMAGES, BATCH, seed=0, mode=lambda epoch: int(epoch >= closed_from[0]))
    )
    makers = []
    for number, (samples, draws) in enumerate(batches_of(loader, epochs=3, wait=True)):
        assert_right(samples, draws)
        makers.append({sample["by"] for sample in samples})
        if number == 2:
            closed_from[0] = 1
    assert makers[3:6] == [{os.getpid()}] * 3
    assert makers[-1] == {children()[0].pid}  # another one, which knows
    loader.close()


def test_a_sample_that_has_no_room_is_made_by_the_training() -> None:
    loader = helped_batches(Made(large=3), EpochBatches(IMAGES, BATCH, seed=0))
    makers: dict[bool, set[int]] = {True: set(), False: set()}
    for samples, draws in batches_of(loader, epochs=2):
        assert_right(samples, draws)
        for sample in samples:
            makers[sample["draw"].index == 3].add(sample["by"])
        time.sleep(0.5)  # the helper makes the next ones
    assert makers[True] == {os.getpid()}
    assert makers[False] > {os.getpid()}
    loader.close()


def test_what_cannot_be_read_is_an_error_of_the_training() -> None:
    loader = helped_batches(Made(fault=3), EpochBatches(IMAGES, BATCH, seed=0))
    with pytest.raises(ValueError, match="cannot be read"):
        list(batches_of(loader))
    loader.close()


def test_it_goes_on_within_an_epoch(children: Callable[[], list[psutil.Process]]) -> None:
    batches = EpochBatches(IMAGES, BATCH, seed=0, start_batch=1)
    loader = helped_batches(Made(), batches)
    given = list(batches_of(loader, epochs=2, wait=True))
    assert given[0] == ([], [])
    for samples, draws in given:
        assert_right(samples, draws)
    assert {sample["by"] for sample in given[-1][0]} == {children()[0].pid}
    loader.close()


def test_no_process_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refused)
    files = psutil.Process().num_fds()
    loader = helped_batches(Made(), EpochBatches(IMAGES, BATCH, seed=0))
    for samples, draws in batches_of(loader, epochs=2):
        assert_right(samples, draws)
    assert psutil.Process().num_fds() == files
    loader.close()


def test_it_ends_with_a_training_that_is_killed() -> None:
    program = """
import os, sys, time, psutil
from test_helped import BATCH, IMAGES, EpochBatches, Made, helped_batches
next(iter(helped_batches(Made(), EpochBatches(IMAGES, BATCH, seed=0))))
print(psutil.Process().children()[0].pid, flush=True)
time.sleep(600)
"""
    here = os.path.dirname(__file__)  # noqa: PTH120
    training = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=here)
    assert training.stdout is not None
    helper = psutil.Process(int(training.stdout.readline()))
    training.kill()
    training.wait()
    training.stdout.close()
    helper.wait(timeout=60)
