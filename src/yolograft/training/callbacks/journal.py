"""Write an epoch's results as soon as it is over: metrics.csv, run.json, checkpoints, loggers."""

import contextlib
import csv
import io
import logging
import math
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
from safetensors import SafetensorError

from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write
from yolograft.model.weights import save_detector
from yolograft.runs.curves import METRICS_FILE
from yolograft.runs.record import Metrics
from yolograft.runs.writer import RecordWriter
from yolograft.training.callbacks.console import images_in
from yolograft.training.module import DetectionTraining
from yolograft.training.session import Session
from yolograft.training.stopping import StoppedError
from yolograft.upstream.training import EarlyStopping

log = logging.getLogger(__name__)


_LOOKS_EVERY = 5.0
"""Seconds between two checks within an epoch that the run's folder is still there."""


class NotFiniteError(Exception):
    """A loss became infinite or not a number."""


class Journal(pl.Callback):
    """Writes a run's folder.

    Args:
        session: The run, in this process.
        images: Images in an epoch, for the speed.
        resume: What a later start must know to draw and step alike (batch, attempt).
    """

    def __init__(self, session: Session, images: int, resume: dict[str, Any]) -> None:
        self.folder, self.record, self.checkpoints = session.folder, session.record, session.checkpoints
        self.stop, self.fitness = session.stop, session.task.fitness
        self.images, self.resume = images, resume
        config = session.config
        self.extra = {"config": config, "choices": dict(session.spec.choices), "imgsz": config["imgsz"]}
        self.stopper = EarlyStopping(config["patience"])
        self.rows: list[dict[str, float]] = []
        self.best = -1.0
        self.best_epoch = 0
        self.training_seconds = 0.0
        self.trained_images = 0
        self._epoch_began = 0.0
        self._looked = 0.0

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the journal of an earlier start."""
        self.rows = list(state["rows"])
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.training_seconds = state["training_seconds"]
        # Checkpoints of before it was counted: whole epochs.
        self.trained_images = state.get("trained_images", self.images * len(self.rows))
        self.stopper.best_fitness, self.stopper.best_epoch = state["stopper"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install our signal handlers again; Lightning installed its own."""
        self.stop.listen()
        self.record.began = True

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock of the training part of an epoch."""
        self._epoch_began = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the checkpoint and stop, where that was asked for; the step is finished and in it."""
        assert isinstance(pl_module, DetectionTraining)
        self.stop.check_lock()
        if time.monotonic() - self._looked > _LOOKS_EVERY:
            self._looked = time.monotonic()
            self._check_folder()
        self.trained_images += images_in(batch) * trainer.world_size
        if not batch or not trainer.strategy.reduce_boolean_decision(self.stop.signum is not None, all=False):
            return
        self.training_seconds += time.monotonic() - self._epoch_began
        if trainer.is_global_zero:
            self._save(pl_module, pl_module.epoch, batch_idx + 1)
        raise StoppedError(self.stop.signum or signal.SIGTERM)

    def on_validation_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        """Stop here too: the epoch's steps are in the checkpoint, its validation is done again."""
        assert isinstance(pl_module, DetectionTraining)
        if self.stop.signum is None or trainer.world_size > 1:  # processes validate different numbers of batches
            return
        self._save(pl_module, pl_module.epoch, pl_module.recipe.batches)
        raise StoppedError(self.stop.signum)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock: images per second are those of training."""
        self.training_seconds += time.monotonic() - self._epoch_began

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the epoch; the checkpoint comes last, while the next one trains, so what it promises is on disk."""
        assert isinstance(pl_module, DetectionTraining)
        row, epoch = pl_module.row(), pl_module.epoch + 1
        if not trainer.strategy.reduce_boolean_decision(pl_module.is_finite, all=True):
            raise NotFiniteError(f"the loss of epoch {epoch} is not a finite number")
        fitness = row[f"metrics/{self.fitness}"]
        if self.stopper(epoch, fitness):
            log.info("No better %s in the last %s epochs: stopping early.", self.fitness, self.stopper.patience)
            trainer.should_stop = True
        if not trainer.is_global_zero:
            return
        self._check_folder()
        with self._said_where_it_fails():
            self._write_epoch(trainer, pl_module, row, fitness)
        for logger in trainer.loggers:
            logger.log_metrics(row, step=epoch)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wait until the last checkpoint is on disk."""
        with self._said_where_it_fails():
            self.checkpoints.wait()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Wait here too; what ends the training matters more than a checkpoint that cannot be written."""
        with contextlib.suppress(OSError):
            self.checkpoints.wait()

    @contextlib.contextmanager
    def _said_where_it_fails(self) -> Iterator[None]:
        """Turn what hinders the writing of an epoch into words.

        Raises:
            UserError: Something did.
        """
        try:
            yield
        except (OSError, SafetensorError) as error:
            with contextlib.suppress(OSError):
                self.checkpoints.wait()
            done = self.checkpoints.epoch
            raise UserError(
                f"{self.folder}: cannot be written ({error}); what was finished before epoch {done + 1} is intact: "
                "make room and start the same command again"
            ) from error

    def _write_epoch(
        self, trainer: pl.Trainer, module: DetectionTraining, row: dict[str, float], fitness: float
    ) -> None:
        epoch = module.epoch + 1
        self.rows.append(row)
        if fitness >= self.best:
            self.best, self.best_epoch = fitness, epoch
            assert module.ema is not None
            save_detector(module.ema.ema, self.checkpoints.best, {**self.extra, "epoch": epoch})
        self._write_csv()
        self._check_folder()
        told: dict[str, Any] = {"epochs_done": epoch, "images_per_second": round(self.images_per_second, 2)}
        if self.best_epoch == epoch:
            told |= {"best_epoch": epoch, "metrics": Metrics.of(module.metrics)}
        state = self._state(module, epoch, 0, stopped_early=trainer.should_stop)
        # An epoch that run.json calls done is one that a later start goes on after.
        self.checkpoints.begin_save(state, then=lambda: self.record.update(**told))

    @property
    def images_per_second(self) -> float:
        """Training images per second, validation not counted."""
        return self.trained_images / self.training_seconds if self.training_seconds else 0.0

    def _check_folder(self) -> None:
        """Raise where the run's folder is not this process's any more, or is gone: it would be made anew, in pieces.

        Raises:
            RunLockedError: Another process has taken it over.
            UserError: Somebody has removed it.
        """
        self.stop.check_lock()
        self.record.check_there()

    def _save(self, module: DetectionTraining, epoch: int, batch: int) -> None:
        self._check_folder()
        self.checkpoints.save(self._state(module, epoch, batch))

    def _state(self, module: DetectionTraining, epoch: int, batch: int, stopped_early: bool = False) -> dict[str, Any]:
        """Return what `last.ckpt` holds after so many epochs, and batches of the next one."""
        return {
            "epoch": epoch,
            "batch": batch,
            "epochs": module.recipe.epochs,
            "stopped_early": stopped_early,
            **self.resume,
            "training": module.progress(within_epoch=batch > 0),
            "journal": {
                "rows": self.rows,
                "best": self.best,
                "best_epoch": self.best_epoch,
                "training_seconds": self.training_seconds,
                "trained_images": self.trained_images,
                "stopper": (self.stopper.best_fitness, self.stopper.best_epoch),
            },
        }

    def _write_csv(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        atomic_write(self.folder / METRICS_FILE, text.getvalue().encode())


class TimeBudget(pl.Callback):
    """Ends a training, and its schedule, after so many hours instead of after so many epochs.

    After every epoch the number of epochs that fit is estimated anew, as ultralytics does with `time=`.

    Args:
        hours: The budget, over all starts of the run.
        record: Knows how long the run has taken.
    """

    def __init__(self, hours: float, record: RecordWriter) -> None:
        self.seconds, self.record = hours * 3600, record

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        """End the epoch here when the time is over; it is validated and written like any other."""
        over = self.record.seconds >= self.seconds
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(over, all=False)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Estimate the epochs anew and stretch the schedule to them."""
        assert isinstance(pl_module, DetectionTraining)
        done = pl_module.epoch + 1
        elapsed = trainer.strategy.broadcast(self.record.seconds)
        epochs = max(math.ceil(self.seconds / (elapsed / done)), done)
        pl_module.set_epochs(epochs)
        trainer.fit_loop.max_epochs = epochs - pl_module.start_epoch
        if epochs <= done:
            trainer.should_stop = True
