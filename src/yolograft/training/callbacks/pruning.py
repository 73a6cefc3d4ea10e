"""End a run that falls behind the other trials of its search."""

import pytorch_lightning as pl

from yolograft.training.callbacks.journal import Journal
from yolograft.training.module import DetectionTraining
from yolograft.training.trial import Pruned, Trial


class Pruning(pl.Callback):
    """Reports every epoch to the search and stops where it says so; runs after `Journal`, so the epoch is on disk.

    Args:
        trial: The trial that the run carries out.
        journal: Knows what every epoch brought, those before a restart included.
    """

    def __init__(self, trial: Trial, journal: Journal) -> None:
        self.trial, self.journal = trial, journal

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the epoch; a run that ends with it anyway is never pruned."""
        assert isinstance(pl_module, DetectionTraining)
        epoch, prune = pl_module.epoch + 1, False
        if trainer.is_global_zero:
            prune = self.trial.should_prune([row[f"metrics/{self.trial.metric}"] for row in self.journal.rows])
        prune = trainer.strategy.broadcast(prune)
        if prune and epoch < pl_module.recipe.epochs and not trainer.should_stop:
            raise Pruned(f"behind the other trials after {epoch} of {pl_module.recipe.epochs} epochs")
