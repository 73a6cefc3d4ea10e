"""The second step of a training: schedule, batches, LightningModule and journal, from model and data."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from yolograft.data.draws import EpochBatches
from yolograft.data.module import DetectionData
from yolograft.data.on_device import drawn
from yolograft.training.callbacks.journal import Journal
from yolograft.training.freezing import frozen_modules
from yolograft.training.last_batch import refuse_single_image
from yolograft.training.module import DetectionTraining
from yolograft.training.prepare import Prepared
from yolograft.training.progressive import say_stages
from yolograft.training.recipe import Recipe
from yolograft.training.schedule import Schedule
from yolograft.training.session import Session
from yolograft.training.starting_point import StartingPoint
from yolograft.upstream.data import full_hyp
from yolograft.upstream.training import draw_batch, draw_labels

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Built:
    """What `fit` trains.

    Attributes:
        module: The model with its losses, optimizer and metrics.
        data: The batches.
        journal: Writes what an epoch brought into the run's folder.
    """

    module: DetectionTraining
    data: DetectionData
    journal: Journal


def build(session: Session, prepared: Prepared, start: StartingPoint) -> Built:
    """Put a training together, at its starting point.

    Args:
        session: The run, in this process.
        prepared: Model and data.
        start: Where the training begins.

    Raises:
        UserError: Nothing is left to train, or the last batch of an epoch could not be trained on.
    """
    config, model = session.config, prepared.model
    epochs = start.epochs(config["epochs"])
    if start.checkpoint:
        done = start.batches_done
        within = f" and {done} batch{'es' * (done != 1)}" if done else ""
        log.info("Going on after %s of %s epochs%s.", start.epoch, epochs, within)
    schedule = Schedule.of(config, epochs, frozen_modules(model, config["freeze"]))
    if config["progressive"]:
        say_stages(schedule.stages)
    data = _batches(session, prepared, start, schedule)
    _say_what_auto_ignores(config["optim"])
    images = len(prepared.train_set)
    recipe = Recipe(epochs, len(data.batches), prepared.batch, images, config["optim"])
    refuse_single_image(
        model, schedule.frozen, images, prepared.batch, schedule.smallest_imgsz, session.compute.processes
    )
    evaluator = session.task.evaluator(data.val_dataloader(), session.plots, single_cls=config["single_cls"])
    module = DetectionTraining(model, recipe, schedule, session.compute, evaluator, start.epoch)
    journal = Journal(session, images, resume={"batch_size": prepared.batch, "attempt": start.attempt})
    if start.checkpoint:
        module.restored = {**start.checkpoint["training"], "recover": start.repeats}
        journal.restore(start.checkpoint["journal"])
    elif config["trainer"]["plots"] and session.leads:
        _draw_data(session, prepared, data)
    return Built(module, data, journal)


def _batches(session: Session, prepared: Prepared, start: StartingPoint, schedule: Schedule) -> DetectionData:
    """Return the loaders of the training, which begin at its starting point."""
    config, compute = session.config, session.compute
    batches = EpochBatches(
        len(prepared.train_set),
        prepared.batch,
        config["seed"],
        mode=schedule.mode,
        more=schedule.goes_on,
        start_epoch=start.epoch,
        start_batch=start.batches_done,
        attempt=start.attempt,
        shuffle=not config["rect"],
        rank=session.rank,
        world=compute.processes,
    )
    modes = schedule.augmentations(config["augment"])
    train, painter = drawn(prepared.train_set, modes, config["augment"].get("device", "auto"), compute)
    return DetectionData(
        train,
        prepared.val_set,
        batches,
        val_batch=min(prepared.batch * 2, -(-len(prepared.val_set) // compute.processes)),
        workers=compute.workers,
        helper=compute.helper,
        pin=compute.accelerator == "gpu",
        painter=painter,
    )


def _say_what_auto_ignores(optim: Mapping[str, Any]) -> None:
    """Warn of settings that `optim=auto` does not use: like ultralytics, it chooses them by itself."""
    default = full_hyp(SimpleNamespace())
    ignored = [key for key in ("lr0", "momentum") if optim[key] != getattr(default, key)]
    if optim["optimizer"] == "auto" and ignored:
        log.warning("optim=auto chooses %s by itself and uses no other; try optim=sgd.", " and ".join(ignored))


def _draw_data(session: Session, prepared: Prepared, data: DetectionData) -> None:
    """Draw the training set's labels and its first batch."""
    session.plots.mkdir(exist_ok=True)
    names = prepared.train_set.spec.names
    draw_labels(prepared.train_set.labels, names, session.plots)
    draw_batch(data.first_batch(), session.plots / "train_batch.jpg", names)
