"""The first step of a training: build the model, open and check the data, record and log both."""

import logging
from dataclasses import dataclass
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.text import gflops_text
from yolograft.compute.devices import Compute
from yolograft.compute.sharing import cores
from yolograft.config.preset import preset_line
from yolograft.data.dataset import DetectionDataset
from yolograft.data.from_config import data_spec
from yolograft.data.run_data import checked, data_sets, fingerprint, origin, refuse_other_data, share_images
from yolograft.data.spec import DataSpec
from yolograft.model.detector import Detector, build_detector, gflops, parts_params
from yolograft.model.from_config import model_spec, own_packages
from yolograft.model.transfer import transfer
from yolograft.model.weights import load_weights
from yolograft.training.session import Session
from yolograft.training.starting_point import StartingPoint
from yolograft.upstream.training import fitting_batch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """What a training is made from.

    Attributes:
        model: The detector, with the weights that `weights` names.
        train_set: The training set.
        val_set: The validation set.
        batch: Images in a training batch, over all processes.
    """

    model: Detector
    train_set: DetectionDataset
    val_set: DetectionDataset
    batch: int


def prepare(session: Session, start: StartingPoint) -> Prepared:
    """Build the model, open and check the data, and say what is known before the first step.

    Args:
        session: The run, in this process.
        start: Where the training begins.

    Raises:
        UserError: The model cannot be built, or the data cannot be used or are not those that the run began with.
    """
    config = session.config
    spec = data_spec(config)
    model = build_detector(model_spec(config, spec.names), trust=own_packages(config))
    if config["weights"] and not start.checkpoint:
        _start_from(session, model)
    batch = start.batch_size or _batch_size(config, session.compute, model, spec)
    train_set, val_set = data_sets(config, spec, batch)
    if start.checkpoint:
        refuse_other_data(session.folder, session.record.previous, fingerprint(train_set, val_set))
    prepared = Prepared(model, train_set, val_set, batch)
    _describe(session, prepared)
    session.stop.check()
    share_images(config, train_set, val_set)
    return prepared


def _start_from(session: Session, model: Detector) -> None:
    """Copy what fits of a file's weights into the model, by role, and say part by part what did not.

    Raises:
        UserError: Nothing fits, or less than `weights_min`.
    """
    weights, least = session.config["weights"], session.config["weights_min"]
    report = transfer(model, load_weights(weights, own_packages(session.config)))
    if not report.matched:
        raise UserError(f"weights={weights}: nothing in it fits this model")
    if least is not None and report.share < least:
        parts = ", ".join(
            f"{part} {found['matched'] + found['resized']} of {sum(found.values())}"
            for part, found in report.parts.items()
        )
        raise UserError(
            f"weights={weights}: {report.share:.0%} of the model's tensors, below weights_min={least}: {parts}"
        )
    session.record.update(transfer={"weights": weights, **report.to_json()})
    log.info("Starting from %s: %s", weights, report)
    for line in report.lines():
        log.info("%s", line)


def _batch_size(config: dict[str, Any], compute: Compute, model: Detector, spec: DataSpec) -> int:
    """Return the config's batch, or the one that fits into the GPU's memory."""
    batch, imgsz = config["batch"], config["imgsz"]
    if batch >= 1:
        return int(batch)
    if compute.accelerator != "gpu" or compute.processes > 1:
        raise UserError(f"batch={batch}: only one CUDA device's memory can be filled; give a number of images")
    train_set, _ = data_sets(config, spec, 16)
    objects = max(len(label["cls"]) for label in train_set.labels) * 4  # a mosaic has four images
    return fitting_batch(model, compute.device, imgsz, batch, compute.autocast is not None, objects, len(train_set))


def _describe(session: Session, prepared: Prepared) -> None:
    """Put what is known before the first step into run.json and into the log."""
    config, record, compute = session.config, session.record, session.compute
    model, train_set, val_set = prepared.model, prepared.train_set, prepared.val_set
    params = sum(p.numel() for p in model.parameters())
    record.update(
        params=params,
        parts=parts_params(model),
        gflops=round(gflops(model, config["imgsz"]), 6),
        batch=prepared.batch,
        threads=compute.threads,
        first_batch=record.now.first_batch or prepared.batch,
        device=str(compute.device),
        precision=str(compute.autocast or "fp32").removeprefix("torch."),
        data=checked(config, train_set, val_set),
    )
    preset = preset_line(record.now.choices, config, record.now.overrides)
    for line in [*([preset] if preset else []), *origin(train_set, val_set)]:
        log.info("%s", line)
    log.info(
        "%s: %s parameters, %s GFLOPs at %s px; %s train and %s val images, %s classes; %s, %s%s",
        session.folder.name,
        f"{params:,}",
        gflops_text(record.now.costs["gflops"]),
        config["imgsz"],
        len(train_set),
        len(val_set),
        train_set.spec.nc,
        record.now.device,
        record.now.precision,
        f", {compute.threads} of {cores()} processors" if compute.accelerator == "cpu" else "",
    )
