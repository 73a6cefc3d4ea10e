"""One start of a run: prepare, build, fit, measure; repeated where that can recover from a failure."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from yolograft.common.errors import UserError
from yolograft.compute.allocation import freed_memory_kept
from yolograft.compute.devices import Compute
from yolograft.compute.reproducible import reproducible
from yolograft.runs.record import RunError
from yolograft.tracking.base import Memory, TrackedRun
from yolograft.tracking.loggers import open_logger
from yolograft.training.build import build
from yolograft.training.callbacks.journal import NotFiniteError
from yolograft.training.fit import fit
from yolograft.training.last_batch import SINGLE_VALUE
from yolograft.training.measure import measure
from yolograft.training.prepare import prepare
from yolograft.training.session import Session
from yolograft.training.starting_point import StartingPoint
from yolograft.training.stopping import StoppedError
from yolograft.training.trial import Pruned

log = logging.getLogger(__name__)

RETRIES = 3
"""How often a training is repeated: from its last checkpoint after a loss that was not finite, or with half a batch."""


def run(session: Session) -> None:
    """Train, measure the best weights, draw; the logger has one run for all of it and is told how it ended.

    Args:
        session: The run, in this process.
    """
    if session.leads:
        session.logger = open_logger(session.config["logger"], _tracked(session))
    try:
        _train_until_done(session)
    except BaseException as error:
        if session.logger is not None:
            stopped = isinstance(error, StoppedError | Pruned)
            ended = session.record.now.changed(error=RunError(type(error).__name__, str(error)))
            session.logger.close("stopped" if stopped else "failed", ended)
        raise
    if session.logger is not None:
        session.logger.close("finished", session.record.now)


def _tracked(session: Session) -> TrackedRun:
    """Return a run as its logger sees it."""
    record, kind = session.record, session.config["logger"]["kind"]
    memory = Memory(
        record.now.loggers.get(kind, {}),
        lambda content: record.update(loggers={**record.now.loggers, kind: content}),
    )
    return TrackedRun.of(session.spec, memory)


def _train(session: Session, start: StartingPoint) -> None:
    """Train from a starting point to the result."""
    prepared = prepare(session, start)
    built = build(session, prepared, start)
    if not start.is_over(session.config["epochs"]):
        fit(session, built)
    if session.leads:
        measure(session, prepared)


def _train_until_done(session: Session) -> None:
    """Train; repeat from the last checkpoint after a failure that another try can avoid."""
    batch, attempt, failures, failed_after = None, 0, 0, -1
    record = session.record
    while True:
        state, damaged = session.checkpoints.load()
        for problem in damaged:
            log.warning("%s; %s.", problem, "going on from the one before" if state else "training anew")
        start = StartingPoint(state, batch, attempt)
        try:
            # Seeded anew each time: a repeated start begins from the same weights.
            with conditions(session.config, session.compute):
                _train(session, start)
            return
        except NotFiniteError as error:
            attempt = start.attempt + 1
            failures = failures + 1 if record.now.epochs_done == failed_after else 1
            failed_after = record.now.epochs_done or 0
            if failures > RETRIES:
                raise UserError(
                    f"{error}, {RETRIES} repetitions did not help; try a lower optim.lr0 or trainer.precision=fp32"
                ) from error
            log.warning("%s: going back to the last checkpoint, with other draws (%s of %s).", error, failures, RETRIES)
        except ValueError as error:
            if SINGLE_VALUE not in str(error):
                raise
            raise UserError(
                f"a batch of one image leaves a batch norm one value per channel ({' '.join(str(error).split())}); "
                "take another batch or a larger imgsz"
            ) from error
        except torch.OutOfMemoryError as error:
            batch = _smaller_batch(session, batch, error)


@contextmanager
def conditions(config: Mapping[str, Any], compute: Compute) -> Iterator[None]:
    """Hold the process to what a training computes under; restored afterwards."""
    memory = freed_memory_kept() if compute.accelerator == "cpu" else nullcontext()
    with reproducible(config["seed"], compute.threads, config["trainer"]["deterministic"]), memory:
        yield


def _smaller_batch(session: Session, batch: int | None, error: torch.OutOfMemoryError) -> int:
    """Return half the batch that did not fit into memory.

    Args:
        session: The run, in this process.
        batch: The smaller batch that was tried already.
        error: How torch says it.

    Raises:
        UserError: A smaller one would not help, or was tried often enough.
    """
    record, device = session.record.now, session.compute.device
    used = batch or record.batch or 1  # none yet: no batch at all fits
    first_batch = record.first_batch or used
    # Later epochs need no more memory than the first: there it is something else that has taken it.
    if session.checkpoints.last.exists() or used < 2 or used * 2**RETRIES <= first_batch:
        raise UserError(
            f"{device} ran out of memory with batch={used} at imgsz={session.config['imgsz']}; "
            "use a smaller batch, imgsz or scale"
        ) from error
    log.warning("%s ran out of memory with batch=%s: trying %s.", device, used, used // 2)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return used // 2
