"""One run from its config to its result: data, model, training, final measurement."""

import logging
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytorch_lightning as pl

from yolograft.config.identity import identity
from yolograft.data.checks import summary_lines
from yolograft.data.dataset import build_dataset
from yolograft.data.module import DetectionData, EpochSampler, val_loader
from yolograft.data.spec import DataSpec
from yolograft.files import replace_file
from yolograft.model.detector import build_detector, gflops, parts_params
from yolograft.model.weights import load_detector
from yolograft.stock.training import Evaluator, draw_batch, draw_labels, quiet
from yolograft.training.build import make, model_spec, own_packages
from yolograft.training.callbacks.console import Console, duration
from yolograft.training.callbacks.journal import Journal
from yolograft.training.checkpoints import Checkpoints
from yolograft.training.curves import draw_curves
from yolograft.training.devices import Compute, resolve
from yolograft.training.loggers import close_logger, make_logger
from yolograft.training.module import DetectionTraining, evaluate
from yolograft.training.recipe import Recipe
from yolograft.training.record import Record
from yolograft.training.state import reproducible

log = logging.getLogger(__name__)


def train(
    config: dict[str, Any], folder: Path, choices: Mapping[str, str], overrides: list[str], group: str
) -> dict[str, Any]:
    """Train one variant into its folder; a finished run returns at once, one that was cut off goes on.

    Args:
        config: The resolved config as plain containers.
        folder: The run's folder.
        choices: The option chosen in each config group.
        overrides: The overrides that made the config.
        group: The sweep's name, or the project of a single run.

    Returns:
        The content of run.json.

    Raises:
        UserError: For a mistake in data or settings; run.json says `failed` and why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fields = {
        "name": folder.name,
        "choices": dict(choices),
        "overrides": overrides,
        "seed": config["seed"],
        "epochs": config["epochs"],
    }
    record = Record(folder, identity(config), fields)
    if record.finished:
        log.info("%s is finished already: mAP50-95 %.4f", folder, record.previous["metrics"]["mAP50-95"])
        return record.previous
    record.update()
    quiet()
    try:
        compute = resolve(config["device"], config["workers"], config["trainer"])
        with reproducible(config["seed"], compute.threads, config["trainer"]["deterministic"]):
            _train(config, folder, record, compute, group)
    except KeyboardInterrupt as stop:
        record.end("stopped", stop)
        raise
    except BaseException as error:
        record.end("failed", error)
        raise
    record.end("finished")
    metrics = record.fields["metrics"]
    log.info(
        "mAP50 %.4f  mAP50-95 %.4f  (best epoch %s, %s)  %s",
        metrics["mAP50"],
        metrics["mAP50-95"],
        record.fields["best_epoch"],
        duration(record.seconds),
        folder,
    )
    return record.fields


def _train(config: dict[str, Any], folder: Path, record: Record, compute: Compute, group: str) -> None:
    replace_file(folder / "config.yaml", _yaml(config).encode())
    plots = folder / "plots"
    spec: DataSpec = make(config["dataset"])
    hyp = SimpleNamespace(**config["augment"])
    common = {"imgsz": config["imgsz"]}
    train_set = build_dataset(spec, "train", hyp, batch=config["batch"], augment=True, rect=False, **common)
    val_set = build_dataset(spec, "val", hyp, batch=config["batch"] * 2, augment=False, rect=True, **common)
    faults = [*train_set.scan.faults, *val_set.scan.faults]
    for line in summary_lines(faults, 10):
        log.warning("%s", line)

    model = build_detector(model_spec(config, spec), trust=own_packages(config))
    record.update(
        params=sum(p.numel() for p in model.parameters()),
        parts=parts_params(model),
        gflops=round(gflops(model, config["imgsz"]), 3),
        device=str(compute.device),
        precision=str(compute.autocast or "fp32").removeprefix("torch."),
        data={split: asdict(dataset.scan) for split, dataset in (("train", train_set), ("val", val_set))},
    )
    log.info(
        "%s: %s parameters, %s GFLOPs at %s px; %s train and %s val images, %s classes; %s, %s",
        folder.name,
        f"{record.fields['params']:,}",
        record.fields["gflops"],
        config["imgsz"],
        len(train_set),
        len(val_set),
        spec.nc,
        record.fields["device"],
        record.fields["precision"],
    )

    checkpoints = Checkpoints(folder / "checkpoints")
    state, damaged = checkpoints.load()
    for problem in damaged:
        log.warning("%s; going on from the one before.", problem)
    start = state["epoch"] if state else 0
    if state:
        log.info("Going on after epoch %s of %s.", start, config["epochs"])

    sampler = EpochSampler(len(train_set), config["seed"], config["epochs"], config["augment"]["close_mosaic"], start)
    data = DetectionData(
        train_set,
        val_set,
        config["augment"],
        batch=config["batch"],
        sampler=sampler,
        workers=compute.workers,
        pin=compute.accelerator == "gpu",
    )
    batches = -(-len(train_set) // config["batch"])
    recipe = Recipe(config["epochs"], batches, config["batch"], len(train_set), config["optim"])
    module = DetectionTraining(model, recipe, config["optim"], compute, Evaluator(data.val_dataloader(), plots), start)
    extra = {"config": config, "choices": record.fields["choices"], "dataset": spec.name, "imgsz": config["imgsz"]}
    journal = Journal(folder, record, checkpoints, len(train_set), config["patience"], extra)
    if state:
        module.restored = state["training"]
        journal.restore(state["journal"])
    if config["trainer"]["plots"] and not state:
        plots.mkdir(exist_ok=True)
        draw_labels(train_set.labels, spec.names, plots)
        draw_batch(next(iter(data.train_dataloader())), plots / "train_batch.jpg", spec.names)

    if not (state and (start >= config["epochs"] or state["stopped_early"])):
        _fit(config, folder, module, data, [journal, Console(config["epochs"], len(train_set))], group, compute)

    best, _ = load_detector(checkpoints.best, trust=own_packages(config))
    loader = val_loader(val_set, config["batch"] * 2, compute.workers)
    metrics = evaluate(best, loader, plots, compute.device, plots=config["trainer"]["plots"])
    if config["trainer"]["plots"]:
        draw_curves(folder / "metrics.csv", plots / "curves.png")
    record.update(metrics=metrics)
    checkpoints.clean()


def _fit(
    config: dict[str, Any],
    folder: Path,
    module: DetectionTraining,
    data: DetectionData,
    callbacks: list[pl.Callback],
    group: str,
    compute: Compute,
) -> None:
    logger = make_logger(config["logger"], folder, folder.name, group, config)
    failed = True
    try:
        with warnings.catch_warnings():
            # Lightning's advice on worker numbers and logging intervals concerns choices that are made here.
            warnings.filterwarnings("ignore", module=r"pytorch_lightning\..*|lightning_fabric\..*")
            logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
            trainer = pl.Trainer(
                accelerator=compute.accelerator,
                devices=compute.devices,
                max_epochs=config["epochs"] - module.start_epoch,
                callbacks=[*callbacks, *(make(c) for c in config["callbacks"].values())],
                logger=logger or False,
                default_root_dir=folder,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
            )
            trainer.fit(module, datamodule=data)
        failed = bool(trainer.interrupted)
    finally:
        close_logger(logger, failed)
    if trainer.interrupted:
        raise KeyboardInterrupt


def _yaml(config: dict[str, Any]) -> str:
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(config))
