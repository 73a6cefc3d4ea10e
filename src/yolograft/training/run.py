"""One start of a run, from its config to its result: data, model, training, final measurement."""

import logging
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy, Strategy

from yolograft.common.errors import UserError
from yolograft.common.text import gflops_text
from yolograft.compute.devices import Compute
from yolograft.compute.reproducible import reproducible
from yolograft.config.instantiate import instantiate
from yolograft.config.preset import preset_line
from yolograft.data.dataset import DetectionDataset
from yolograft.data.from_config import data_spec
from yolograft.data.module import DetectionData, DrawnDataset, EpochBatches
from yolograft.data.spec import DataSpec
from yolograft.evaluation.run_results import measure_run
from yolograft.model.detector import Detector, build_detector, gflops, parts_params
from yolograft.model.from_config import model_spec, own_packages
from yolograft.model.weights import load_weights, transfer
from yolograft.runs.predictions import write_predictions
from yolograft.runs.record import Metrics, RunError
from yolograft.runs.spec import RunSpec
from yolograft.runs.weights_file import digest
from yolograft.runs.writer import RecordWriter
from yolograft.tasks.detect import DETECT
from yolograft.tracking import open_logger
from yolograft.tracking.base import RunLogger, Tracked
from yolograft.training.callbacks.console import Console
from yolograft.training.callbacks.journal import Journal, NotFiniteError, TimeBudget
from yolograft.training.callbacks.pruning import Pruning
from yolograft.training.checkpoints import Checkpoints
from yolograft.training.curves import draw_curves
from yolograft.training.data_sets import (
    checked,
    data_sets,
    fingerprint,
    origin,
    refuse_other_data,
    share_images,
)
from yolograft.training.freezing import frozen_modules
from yolograft.training.last_batch import SINGLE_VALUE, refuse_single_image
from yolograft.training.module import DetectionTraining
from yolograft.training.progressive import say_stages
from yolograft.training.recipe import Recipe
from yolograft.training.schedule import Schedule
from yolograft.training.short_schedule import say_steps
from yolograft.training.stopping import StoppedError, StopRequest
from yolograft.training.trial import Pruned, Trial
from yolograft.upstream.data import full_hyp
from yolograft.upstream.training import draw_batch, draw_labels, fitting_batch

log = logging.getLogger(__name__)

#: How often a training is repeated from its last checkpoint after a loss that was not finite, or with half the batch.
RETRIES = 3


@dataclass
class Run:
    """One start of a run.

    Attributes:
        spec: What to train, and where.
        record: Its run.json.
        compute: Device, precision, threads, workers.
        stop: Whether the process was asked to stop.
        rank: Which of the processes that train together this is.
        logger: The logger of the `logger` group, while the run trains.
    """

    spec: RunSpec
    record: RecordWriter
    compute: Compute
    stop: StopRequest
    rank: int = 0
    logger: RunLogger | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config."""
        return self.spec.config

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.spec.folder

    def train(self) -> None:
        """Train, measure the best weights, draw; one run of the logger, which learns how it ended."""
        if self.rank == 0:
            self.logger = open_logger(self.config["logger"], self._tracked())
        try:
            self._until_done()
        except BaseException as error:
            if self.logger is not None:
                ended = RunError(type(error).__name__, str(error))
                stopped = isinstance(error, StoppedError | Pruned)
                self.logger.close("stopped" if stopped else "failed", self.record.now.changed(error=ended))
            raise
        if self.logger is not None:
            self.logger.close("finished", self.record.now)

    def _tracked(self) -> Tracked:
        """Return this run as its logger sees it."""
        kind = self.config["logger"]["kind"]
        return replace(
            Tracked.of(self.spec),
            memory=self.record.now.loggers.get(kind, {}),
            remember=lambda memory: self.record.update(loggers={**self.record.now.loggers, kind: memory}),
        )

    def _until_done(self) -> None:
        """Train; again from the last checkpoint where that can mend a failure."""
        checkpoints = Checkpoints(self.folder / "checkpoints")
        batch, attempt, failures, failed_after = None, 0, 0, -1
        while True:
            state, damaged = checkpoints.load()
            for problem in damaged:
                log.warning("%s; %s.", problem, "going on from the one before" if state else "training anew")
            try:
                # Seeded anew each time: a repeated start begins from the same weights.
                with reproducible(self.config["seed"], self.compute.threads, self.config["trainer"]["deterministic"]):
                    self._train(checkpoints, state, batch, attempt)
                return
            except NotFiniteError as error:
                attempt = max(attempt, state["attempt"] if state else 0) + 1
                failures = failures + 1 if self.record.now.epochs_done == failed_after else 1
                failed_after = self.record.now.epochs_done or 0
                if failures > RETRIES:
                    raise UserError(
                        f"{error}, {RETRIES} repetitions did not help; try a lower optim.lr0 or trainer.precision=fp32"
                    ) from error
                log.warning(
                    "%s: going back to the last checkpoint, with other draws (%s of %s).", error, failures, RETRIES
                )
            except ValueError as error:
                if SINGLE_VALUE not in str(error):
                    raise
                raise UserError(
                    f"a batch of one image leaves a batch norm one value per channel ({' '.join(str(error).split())}); "
                    "take another batch or a larger imgsz"
                ) from error
            except torch.OutOfMemoryError as error:
                used = batch or self.record.now.batch or 1  # none yet: no batch at all fits
                first_batch = self.record.now.first_batch or used
                # Later epochs need no more memory than the first: there it is something else that has taken it.
                if checkpoints.last.exists() or used < 2 or used * 2**RETRIES <= first_batch:
                    raise UserError(
                        f"{self.compute.device} ran out of memory with batch={used} at imgsz={self.config['imgsz']}; "
                        "use a smaller batch, imgsz or scale"
                    ) from error
                batch = used // 2
                log.warning("%s ran out of memory with batch=%s: trying %s.", self.compute.device, used, batch)
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()

    def _train(self, checkpoints: Checkpoints, state: dict[str, Any] | None, batch: int | None, attempt: int) -> None:
        config, compute, plots = self.config, self.compute, self.folder / "plots"
        spec = data_spec(config)
        model = build_detector(model_spec(config, spec.names), trust=own_packages(config))
        if config["weights"] and not state:
            self._start_from(model, config["weights"])
        size = batch or (state["batch_size"] if state else self._batch_size(model, spec))
        train_set, val_set = data_sets(config, spec, size)
        if state:
            refuse_other_data(self.folder, self.record.previous, fingerprint(train_set, val_set))
        self._describe(model, spec, train_set, val_set, size)
        self.stop.check()
        share_images(config, train_set, val_set)

        start, start_batch = (state["epoch"], state["batch"]) if state else (0, 0)
        epochs = state["epochs"] if state else config["epochs"]  # a time budget has stretched them
        if state:
            within = f" and {start_batch} batch{'es' * (start_batch != 1)}" if start_batch else ""
            log.info("Going on after %s of %s epochs%s.", start, epochs, within)
        attempt = max(attempt, state["attempt"] if state else 0)
        schedule = Schedule.of(config, epochs, frozen_modules(model, config["freeze"]))
        if config["progressive"]:
            say_stages(schedule.stages)
        batches = EpochBatches(
            len(train_set),
            size,
            config["seed"],
            mode=schedule.mode,
            start_epoch=start,
            start_batch=start_batch,
            attempt=attempt,
            shuffle=not config["rect"],
            rank=self.rank,
            world=compute.processes,
        )
        self._say_what_auto_ignores()
        recipe = Recipe(epochs, len(batches), size, len(train_set), config["optim"])
        data = DetectionData(
            DrawnDataset(train_set, schedule.augmentations(config["augment"])),
            val_set,
            batches,
            val_batch=min(size * 2, -(-len(val_set) // compute.processes)),
            workers=compute.workers,
            pin=compute.accelerator == "gpu",
        )
        refuse_single_image(model, schedule.frozen, len(train_set), size, schedule.smallest_imgsz, compute.processes)
        module = DetectionTraining(
            model,
            recipe,
            schedule,
            compute,
            DETECT.evaluator(data.val_dataloader(), plots, single_cls=config["single_cls"]),
            start,
        )
        extra = {"config": config, "choices": dict(self.record.now.choices), "imgsz": config["imgsz"]}
        resume = {"batch_size": size, "attempt": attempt}
        journal = Journal(
            self.folder, self.record, checkpoints, len(train_set), config["patience"], extra, self.stop, resume
        )
        if state:
            module.restored = {**state["training"], "recover": attempt > state["attempt"]}
            journal.restore(state["journal"])
        elif config["trainer"]["plots"] and self.rank == 0:
            plots.mkdir(exist_ok=True)
            draw_labels(train_set.labels, spec.names, plots)
            draw_batch(next(iter(data.train_dataloader())), plots / "train_batch.jpg", spec.names)

        if not (state and (start >= epochs or state["stopped_early"])):
            if self.rank == 0:
                say_steps(module.recipe, module.optim)
            budget = [TimeBudget(config["time"], self.record)] if config["time"] is not None else []
            console = [Console(len(train_set), DETECT)] if self.rank == 0 else []
            pruning = [Pruning(trial, journal)] if (trial := Trial.of_run(self.folder)) else []
            self._fit(module, data, [*budget, journal, *console, *pruning])
        if self.rank == 0:
            self._measure(checkpoints, val_set, size * 2, plots)

    def _say_what_auto_ignores(self) -> None:
        """Warn of settings that `optim=auto` does not use: like ultralytics, it chooses them by itself."""
        optim, default = self.config["optim"], full_hyp(SimpleNamespace())
        ignored = [key for key in ("lr0", "momentum") if optim[key] != getattr(default, key)]
        if optim["optimizer"] == "auto" and ignored:
            log.warning("optim=auto chooses %s by itself and uses no other; try optim=sgd.", " and ".join(ignored))

    def _start_from(self, model: Detector, weights: str) -> None:
        """Copy what fits of a file's weights into the model, by role, and say what did not."""
        report = transfer(model, load_weights(weights))
        if not report.matched:
            raise UserError(f"weights={weights}: nothing in it fits this model")
        log.info("Starting from %s: %s", weights, report)

    def _batch_size(self, model: Detector, spec: DataSpec) -> int:
        """Return the config's batch, or the one that fits into the GPU's memory."""
        batch = self.config["batch"]
        if batch >= 1:
            return int(batch)
        if self.compute.accelerator != "gpu" or self.compute.processes > 1:
            raise UserError(f"batch={batch}: only one CUDA device's memory can be filled; give a number of images")
        train_set, _ = data_sets(self.config, spec, 16)
        objects = max(len(label["cls"]) for label in train_set.labels) * 4  # a mosaic has four images
        mixed = self.compute.autocast is not None
        imgsz = self.config["imgsz"]
        return fitting_batch(model, self.compute.device, imgsz, batch, mixed, objects, len(train_set))

    def _describe(
        self, model: Detector, spec: DataSpec, train_set: DetectionDataset, val_set: DetectionDataset, batch: int
    ) -> None:
        """Put what is known before the first step into run.json and onto the screen."""
        record, imgsz = self.record, self.config["imgsz"]
        params = sum(p.numel() for p in model.parameters())
        record.update(
            params=params,
            parts=parts_params(model),
            gflops=round(gflops(model, imgsz), 6),
            batch=batch,
            threads=self.compute.threads,
            first_batch=record.now.first_batch or batch,
            device=str(self.compute.device),
            precision=str(self.compute.autocast or "fp32").removeprefix("torch."),
            data=checked(self.config, train_set, val_set),
        )
        preset = preset_line(record.now.choices, self.config, record.now.overrides)
        for line in [*([preset] if preset else []), *origin(train_set, val_set)]:
            log.info("%s", line)
        log.info(
            "%s: %s parameters, %s GFLOPs at %s px; %s train and %s val images, %s classes; %s, %s",
            self.folder.name,
            f"{params:,}",
            gflops_text(record.now.costs["gflops"]),
            imgsz,
            len(train_set),
            len(val_set),
            spec.nc,
            record.now.device,
            record.now.precision,
        )

    def _fit(self, module: DetectionTraining, data: DetectionData, callbacks: list[pl.Callback]) -> None:
        config, compute = self.config, self.compute
        extra = [instantiate(settings, f"callbacks.{name}") for name, settings in config["callbacks"].items()]
        with warnings.catch_warnings():
            # Lightning's advice on worker numbers and logging intervals concerns choices that are made here.
            warnings.filterwarnings("ignore", module=r"pytorch_lightning\..*|lightning_fabric\..*")
            logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
            trainer = pl.Trainer(
                accelerator=compute.accelerator,
                devices=compute.devices,
                strategy=self._strategy(),
                max_epochs=module.recipe.epochs - module.start_epoch,
                callbacks=[*callbacks, *extra],
                logger=self.logger or False,
                default_root_dir=self.folder,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
            )
            trainer.fit(module, datamodule=data)

    def _strategy(self) -> Strategy | str:
        if self.compute.processes == 1:
            return "auto"
        backend = "nccl" if self.compute.accelerator == "gpu" and dist.is_nccl_available() else "gloo"
        # Batch norms see the whole batch, so buffers are the same everywhere without being sent around.
        return DDPStrategy(process_group_backend=backend, broadcast_buffers=False)

    def _measure(self, checkpoints: Checkpoints, val_set: DetectionDataset, batch: int, plots: Path) -> None:
        """Measure the best weights as they lie on disk, and draw."""
        self.record.check_there()
        config = self.config
        drawing = config["trainer"]["plots"]
        found = measure_run(
            checkpoints.best,
            val_set,
            self.compute,
            batch=batch,
            plots=plots if drawing else None,
            pictures=config["logger"].get("pictures", 0),
            single_cls=config["single_cls"],
            trust=own_packages(config),
        )
        write_predictions(self.folder, found.predictions)
        if drawing:
            draw_curves(self.folder / "metrics.csv", plots / "curves.png", DETECT)
        self.record.update(metrics=Metrics.of(found.metrics), weights_sha256=digest(checkpoints.best))
        if self.logger is not None:
            self.logger.log_pictures(found.pictures, found.names, self.record.now.best_epoch or 0)
            self.logger.log_weights(checkpoints.best)
        checkpoints.clean()
