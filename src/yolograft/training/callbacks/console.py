"""The terminal during a training: a progress bar with the losses, and a line for every epoch."""

import logging
import sys
import time
from typing import Any

import pytorch_lightning as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from yolograft.common.metrics import BY_KEY
from yolograft.common.times import duration
from yolograft.tasks.task import Task
from yolograft.training.module import DetectionTraining

log = logging.getLogger(__name__)

_HEARTBEAT = 30.0
"""Seconds without output after which the progress is logged, where there is no terminal for a bar."""
_FIRST_BEAT = 5.0
"""The same at the start of a training, where nobody knows yet how long it will take."""
_SHOWN_EVERY = 0.2
"""Seconds between two readings of the losses for the bar."""
_WIDTH = 7
"""Characters of a column, where its heading needs no more."""


class Console(pl.Callback):
    """Shows the progress of a training on standard error.

    Args:
        images: Images in an epoch.
        task: Names the columns of losses and metrics.
    """

    def __init__(self, images: int, task: Task) -> None:
        self.images, self.task = images, task
        shown = [*(loss.short for loss in task.losses), *(BY_KEY[key].short for key in task.metrics), "img/s"]
        self._header = ("epoch", *shown, "left")
        widths = [8, *(max(_WIDTH, len(word) + 1) for word in shown), 8]  # detection's fit 80 columns
        self._line = "".join(f"%{width}s" for width in widths)
        self.bar: Progress | None = None
        self._bar_task: Any = None
        self._began = 0.0
        self._speed: float | None = None  # None: an earlier start has trained all of this epoch
        self._epoch_began = 0.0
        self._said = self._shown = 0.0
        self._patience = _FIRST_BEAT
        self._seen = 0  # images of this epoch, those of an earlier start left out
        self._seen_here = 0  # images of all epochs of this start

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the head of the table and start the bar."""
        self._began = self._said = time.monotonic()
        log.info(self._line, *self._header)
        if sys.stderr.isatty():
            from rich.console import Console as Terminal

            columns = (
                TextColumn("{task.description}"),
                BarColumn(24),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[losses]}"),
            )
            self.bar = Progress(*columns, console=Terminal(stderr=True), transient=True)
            self._bar_task = self.bar.add_task("", total=int(trainer.num_training_batches), losses="")
            self.bar.start()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the bar of an epoch."""
        assert isinstance(pl_module, DetectionTraining)
        self._epoch_began, self._seen = time.monotonic(), 0
        if self.bar:
            self.bar.reset(self._bar_task, description=f"epoch {pl_module.epoch + 1}/{pl_module.recipe.epochs}")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the images and show the mean losses so far."""
        assert isinstance(pl_module, DetectionTraining)
        self._seen += images_in(batch) * trainer.world_size
        if not self.bar:
            self._beat(pl_module, batch_idx + 1, pl_module.recipe.batches)
        if self.bar:
            self.bar.advance(self._bar_task)
            if time.monotonic() - self._shown > _SHOWN_EVERY:  # to read a loss waits for the device
                self._shown = time.monotonic()
                losses = (f"{k.removesuffix('_loss')} {float(v):.3f}" for k, v in pl_module.train_losses.items())
                self.bar.update(self._bar_task, losses="  ".join(losses))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the training's speed; validation is not part of it."""
        self._speed = self._seen / max(time.monotonic() - self._epoch_began, 1e-9) if self._seen else None
        if self.bar:
            self.bar.update(self._bar_task, description="validating")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the epoch's line."""
        assert isinstance(pl_module, DetectionTraining)
        self._seen_here += self._seen
        row, epoch, epochs = pl_module.row(), pl_module.epoch + 1, pl_module.recipe.epochs
        seconds = time.monotonic() - self._began
        left = seconds * self.images / self._seen_here * (epochs - epoch) if self._seen_here else None
        line = self._line % (
            f"{epoch}/{epochs}",
            *(f"{row[f'train/{loss.key}']:.3f}" for loss in self.task.losses),
            *(f"{row[f'metrics/{name}']:.3f}" for name in self.task.metrics),
            "-" if self._speed is None else f"{self._speed:.1f}",
            "-" if left is None else duration(left),
        )
        if self.bar:
            self.bar.console.print(line, highlight=False, markup=False)
            logging.getLogger("yolograft.file").info(line)
        else:
            log.info(line)
        self._said = time.monotonic()

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Log the progress of a long validation."""
        if not self.bar and self._is_due():
            log.info("validating: batch %s of %s", batch_idx + 1, sum(map(int, trainer.num_val_batches)))

    def _beat(self, module: DetectionTraining, batch: int, batches: int) -> None:
        """Log the progress of the epoch, where nothing was logged for a while."""
        if not self._seen or not self._is_due():
            return
        speed = self._seen / max(time.monotonic() - self._epoch_began, 1e-9)
        left = self.images * (1 - batch / batches) / speed
        epoch, epochs = module.epoch + 1, module.recipe.epochs
        words = f"{duration(left)} left of its training"
        if not self._seen_here and epoch < epochs:  # no epoch's line has said it yet
            words += f", {duration(left + self.images * (epochs - epoch) / speed)} of all"
        log.info("epoch %s/%s: batch %s of %s, %.1f images/s, %s", epoch, epochs, batch, batches, speed, words)

    def _is_due(self) -> bool:
        if time.monotonic() - self._said < self._patience:
            return False
        self._said, self._patience = time.monotonic(), _HEARTBEAT
        return True

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove the bar."""
        if self.bar:
            self.bar.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Remove the bar after an error too."""
        if self.bar:
            self.bar.stop()


def images_in(batch: Any) -> int:
    """Return how many images a batch has; 0 for one that an earlier start has trained on."""
    return len(batch["img"]) if batch else 0
