"""The third step of a training: Lightning's Trainer with our callbacks, without its own checkpoints and bars."""

import logging
import warnings

import pytorch_lightning as pl
import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy, Strategy

from yolograft.compute.devices import Compute
from yolograft.config.instantiate import instantiate
from yolograft.tracking.lightning import LightningLogger
from yolograft.training.build import Built
from yolograft.training.callbacks.console import Console
from yolograft.training.callbacks.journal import TimeBudget
from yolograft.training.callbacks.pruning import Pruning
from yolograft.training.session import Session
from yolograft.training.short_schedule import say_steps
from yolograft.training.trial import Trial


def fit(session: Session, built: Built) -> None:
    """Train to the end.

    Args:
        session: The run, in this process.
        built: What is trained.

    Raises:
        NotFiniteError: A loss became infinite or not a number.
        StoppedError: The process was asked to stop; the checkpoint is written.
        Pruned: A search ended the trial.
    """
    compute, module = session.compute, built.module
    if session.leads:
        say_steps(module.recipe, module.optim)
    with warnings.catch_warnings():
        # Lightning's advice on worker numbers and logging intervals concerns choices that are made here.
        warnings.filterwarnings("ignore", module=r"pytorch_lightning\..*|lightning_fabric\..*")
        logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
        trainer = pl.Trainer(
            accelerator=compute.accelerator,
            devices=compute.devices,
            strategy=_strategy(compute),
            max_epochs=module.recipe.epochs - module.start_epoch,
            callbacks=_callbacks(session, built),
            logger=LightningLogger(session.logger) if session.logger else False,
            default_root_dir=session.folder,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        try:
            trainer.fit(module, datamodule=built.data)
        finally:
            built.data.close()


def _callbacks(session: Session, built: Built) -> list[pl.Callback]:
    """Return the callbacks in their order: the journal has an epoch on disk before others may end the training."""
    config = session.config
    callbacks: list[pl.Callback] = []
    if config["time"] is not None:
        callbacks.append(TimeBudget(config["time"], session.record))
    callbacks.append(built.journal)
    if session.leads:
        callbacks.append(Console(built.journal.images, session.task))
    if trial := Trial.of_run(session.folder):
        callbacks.append(Pruning(trial, built.journal))
    own = [instantiate(settings, f"callbacks.{name}") for name, settings in config["callbacks"].items()]
    return [*callbacks, *own]


def _strategy(compute: Compute) -> Strategy | str:
    if compute.processes == 1:
        return "auto"
    backend = "nccl" if compute.accelerator == "gpu" and dist.is_nccl_available() else "gloo"
    # Batch norms see the whole batch, so buffers are the same everywhere without being sent around.
    return DDPStrategy(process_group_backend=backend, broadcast_buffers=False)
