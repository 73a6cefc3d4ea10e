"""Writes what an epoch brought, as soon as it is over: metrics.csv, run.json, checkpoints, loggers."""

import csv
import io
import logging
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from yolograft.files import replace_file
from yolograft.model.weights import save_detector
from yolograft.stock.training import EarlyStopping
from yolograft.training.checkpoints import Checkpoints
from yolograft.training.module import DetectionTraining
from yolograft.training.record import Record

log = logging.getLogger(__name__)


class Journal(pl.Callback):
    """Keeps a run's folder.

    Args:
        folder: The run's folder.
        record: Its run.json.
        checkpoints: Its checkpoints.
        images: Images in an epoch, for the speed.
        patience: Epochs without a better mAP50-95 before stopping; 0 never stops early.
        extra: What best.safetensors says beside the weights.
    """

    def __init__(
        self,
        folder: Path,
        record: Record,
        checkpoints: Checkpoints,
        images: int,
        patience: int,
        extra: dict[str, Any],
    ) -> None:
        self.folder, self.record, self.checkpoints, self.images = folder, record, checkpoints, images
        self.extra = extra
        self.stopper = EarlyStopping(patience)
        self.rows: list[dict[str, float]] = []
        self.best = -1.0
        self.best_epoch = 0
        self.training_seconds = 0.0
        self._epoch_began = 0.0

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the journal of an earlier start."""
        self.rows = list(state["rows"])
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.training_seconds = state["training_seconds"]
        self.stopper.best_fitness, self.stopper.best_epoch = state["stopper"]

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock of the training part of an epoch."""
        self._epoch_began = time.monotonic()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop it: images per second are those of training."""
        self.training_seconds += time.monotonic() - self._epoch_began

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the epoch; the checkpoint comes last, so what it promises is on disk."""
        assert isinstance(pl_module, DetectionTraining)
        row, epoch = pl_module.row(), pl_module.epoch + 1
        if not trainer.is_global_zero:
            return
        self.rows.append(row)
        fitness = row["metrics/mAP50-95"]
        if fitness >= self.best:
            self.best, self.best_epoch = fitness, epoch
            assert pl_module.ema is not None
            save_detector(pl_module.ema.ema, self.checkpoints.best, {**self.extra, "epoch": epoch})
        if self.stopper(epoch, fitness):
            log.info("No better mAP50-95 in the last %s epochs: stopping early.", self.stopper.patience)
            trainer.should_stop = True
        self._write_csv()
        self.checkpoints.save(
            {
                "epoch": epoch,
                "stopped_early": trainer.should_stop,
                "training": pl_module.progress(),
                "journal": {
                    "rows": self.rows,
                    "best": self.best,
                    "best_epoch": self.best_epoch,
                    "training_seconds": self.training_seconds,
                    "stopper": (self.stopper.best_fitness, self.stopper.best_epoch),
                },
            }
        )
        self.record.update(
            epochs_done=epoch,
            best_epoch=self.best_epoch,
            metrics=pl_module.metrics if self.best_epoch == epoch else self.record.fields["metrics"],
            images_per_second=round(self.images_per_second, 2),
        )
        for logger in trainer.loggers:
            logger.log_metrics({k: v for k, v in row.items() if k != "epoch"}, step=epoch)

    @property
    def images_per_second(self) -> float:
        """Training images per second, validation not counted."""
        return self.images * len(self.rows) / self.training_seconds if self.training_seconds else 0.0

    def _write_csv(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        replace_file(self.folder / "metrics.csv", text.getvalue().encode())
