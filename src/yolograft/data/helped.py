"""Batches that the training makes itself, with the help of a process that runs only where a processor is idle.

A step on the CPU does not keep all processors busy: between its parallel parts, one computes. The helper uses that time
(`SCHED_IDLE` of Linux) to make the samples of the batches to come, and takes none from anyone. What it has not finished
when a batch is due, the training makes itself: it never waits for the helper, however busy the machine is.

A sample depends on its draw alone, so it does not matter who makes it.
"""

import io
import logging
import mmap
import os
import pickle
import select
import signal
import struct
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import numpy as np
import torch

from yolograft.data.draws import Draw, DrawnDataset, EpochBatches

Collate = Callable[[list[dict[str, Any]]], dict[str, Any]]

AHEAD = 2
"""Batches that the helper may be ahead of the one that is made now."""
_BESIDE_PIXELS = 1 << 20
"""Bytes of a sample for its boxes and names; a sample that needs more is left to the training."""
_DONE = struct.Struct("=5q")  # number, index, seed, mode, bytes
_LOOKS_EVERY = 5.0  # seconds between two looks at whether the training still lives


class Helped:
    """Yields the batches of one epoch each time it is gone through.

    Args:
        dataset: Makes a sample of a draw.
        batches: The draws of every epoch.
        collate: Makes a batch of samples.
    """

    def __init__(self, dataset: DrawnDataset, batches: EpochBatches, collate: Collate) -> None:
        self.dataset = dataset
        self.batch_sampler = batches  # under this name Lightning looks for who is to be told of the epoch
        self._collate = collate
        self._helper: Helper | None = None
        self._epoch: int | None = None  # that it goes on with

    def __len__(self) -> int:
        """Return how many batches an epoch has."""
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the batches of the epoch that `batches` is at."""
        epoch = self.batch_sampler.epoch
        if self._helper is None or self._helper.stale or self._epoch != epoch:
            self.close()
            with suppress(OSError):  # no more processes, or no memory for one: the training does without
                self._helper = Helper(self.dataset, self.batch_sampler)
        for number, draws in enumerate(self.batch_sampler, 1):
            batch = self._collate(
                self._helper.samples(draws) if self._helper else [self.dataset[draw] for draw in draws]
            )
            self._epoch = epoch + 1 if number == len(self) else None  # whoever knows the length asks no further
            yield batch

    def close(self) -> None:
        """End the helper."""
        if self._helper is not None:
            self._helper.close()
            self._helper = None


class Helper:
    """A forked process that makes samples in their order, as far ahead as there is room.

    Samples come through memory that both processes have; of each that is finished the helper writes a line into a
    pipe. It reads how far the training is from the same memory, and sleeps on another pipe while there is no room.

    Args:
        dataset: Makes a sample of a draw.
        batches: The draws of every epoch; the first sample is that of the epoch that it is at.

    Attributes:
        stale: Whether it makes other samples than are asked for: an epoch has got another mode since the fork.
    """

    def __init__(self, dataset: DrawnDataset, batches: EpochBatches) -> None:
        self._dataset, self._batches = dataset, batches
        self._places = (AHEAD + 1) * batches.batch
        source = dataset.dataset
        self._room = source.channels * source.imgsz**2 + _BESIDE_PIXELS
        self._memory = mmap.mmap(-1, self._places * self._room)
        # Samples before `own` are the training's to make, those before `free` are used.
        self._own_free = np.frombuffer(mmap.mmap(-1, mmap.PAGESIZE), np.int64, 2)
        self._finished: dict[int, tuple[tuple[int, int, int], int]] = {}
        self._next = 0  # number of the next sample
        self.stale = False
        done, say_done = os.pipe()
        wait, wake = os.pipe()
        parent = os.getpid()
        try:
            process = os.fork()
        except OSError:
            for end in (done, say_done, wait, wake):
                os.close(end)
            raise
        if not process:
            try:
                self._help(say_done, wait, parent, _step_back(say_done, wait))
            finally:
                os._exit(0)
        os.close(say_done)
        os.close(wait)
        for end in (done, wake):
            os.set_blocking(end, False)
        self._done, self._wake = done, wake
        self.close = weakref.finalize(self, _close, parent, process, done, wake)

    def samples(self, draws: Sequence[Draw]) -> list[dict[str, Any]]:
        """Return the samples of the next batch: those that the helper has finished, and the rest made here and now.

        Args:
            draws: What they depend on.
        """
        first, self._next = self._next, self._next + len(draws)
        self._own_free[0] = self._next
        samples: list[dict[str, Any]] = []
        # What the helper is at comes last: by then it may be there.
        for number, draw in reversed(list(enumerate(draws, first))):
            samples.append(self._made(number, draw) or self._dataset[draw])
        self._own_free[1] = self._next
        self._finished = {number: entry for number, entry in self._finished.items() if number >= self._next}
        with suppress(BlockingIOError, BrokenPipeError):  # it has been woken often enough; or it is gone
            os.write(self._wake, b"\0")
        return samples[::-1]

    def _made(self, number: int, draw: Draw) -> dict[str, Any] | None:
        """Return a sample if the helper has finished it."""
        with suppress(BlockingIOError):
            while said := os.read(self._done, 512 * _DONE.size):
                for entry, index, seed, mode, size in _DONE.iter_unpack(said):
                    self._finished[entry] = (index, seed, mode), size
        what, size = self._finished.pop(number, (None, 0))
        if what != (draw.index, draw.seed, draw.mode):
            self.stale = self.stale or what is not None
            return None
        begin = number % self._places * self._room
        made: dict[str, Any]
        # Written by our own process, where nobody else can write.
        made, said = pickle.loads(memoryview(self._memory)[begin : begin + size])  # noqa: S301
        for record in said:
            logging.getLogger(record.name).handle(record)
        return made

    def _help(self, say_done: int, wait: int, parent: int, log: "_Said") -> None:
        """Make samples until the training ends."""
        for number, draw in enumerate(_every_draw(self._batches)):
            while number >= self._own_free[1] + self._places:
                if select.select([wait], [], [], _LOOKS_EVERY)[0]:
                    if not os.read(wait, 4096):
                        return
                elif os.getppid() != parent:
                    return
            if number < self._own_free[0]:
                continue
            content = _pickled((self._dataset[draw], log.records))
            log.records.clear()
            if len(content) <= self._room:
                begin = number % self._places * self._room
                self._memory[begin : begin + len(content)] = content
                os.write(say_done, _DONE.pack(number, draw.index, draw.seed, draw.mode, len(content)))


def _every_draw(batches: EpochBatches) -> Iterator[Draw]:
    """Yield the draws of the epoch that a sampler is at and of all after it."""
    for epoch in count(batches.epoch):
        for draws in batches.draws(epoch):
            yield from draws
        if not batches.more(epoch + 1):
            return


class _Pickler(pickle.Pickler):
    """Writes tensors as arrays: torch's own way of writing them takes longer than to make them."""

    def reducer_override(self, value: Any) -> Any:
        """Return how a value is made anew."""
        return (torch.from_numpy, (value.numpy(),)) if isinstance(value, torch.Tensor) else NotImplemented


def _pickled(made: Any) -> memoryview:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=5).dump(made)
    return buffer.getbuffer()


class _Said(logging.Handler):
    """Keeps what is logged while a sample is made: the training says it when it takes the sample."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record as text."""
        record.msg, record.args = record.getMessage(), None
        record.exc_info = None
        self.records.append(record)


def _step_back(*keep: int) -> _Said:
    """Make a process just forked a helper: lowest priority, one thread, none of the training's signals and files.

    Args:
        keep: The files that it needs.

    Returns:
        What is logged from now on.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError:  # a container may forbid it
        os.nice(19)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C asks the training to stop, which ends the helper
    said = _Said()
    for logger in (logging.root, *map(logging.getLogger, logging.root.manager.loggerDict)):
        logger.handlers.clear()
        logger.propagate = True
    logging.root.addHandler(said)
    # On a busy machine the end may take its time; nobody who waits for the training's pipes and locks waits for it.
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    first = 3
    for kept in (*sorted(keep), os.sysconf("SC_OPEN_MAX")):
        os.closerange(first, kept)
        first = kept + 1
    torch.set_num_threads(1)
    return said


def _close(owner: int, process: int, *ends: int) -> None:
    """End a helper; on a machine that is busy it may take a while until it gets the time to end in."""
    if os.getpid() != owner:  # a copy in another process forked later
        return
    for end in ends:
        os.close(end)
    with suppress(ChildProcessError, RuntimeError):  # somebody waits for all children; or this process ends too
        if os.waitpid(process, os.WNOHANG)[0]:
            return
        os.kill(process, signal.SIGKILL)
        threading.Thread(target=_wait_for, args=(process,), daemon=True).start()


def _wait_for(process: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(process, 0)
