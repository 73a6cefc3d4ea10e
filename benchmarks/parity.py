"""Is our training stock's? Both trainers get the same initial weights and the same batches; every step is compared.

    python benchmarks/parity.py                                    # shapes, yolo11n, a few minutes on a CPU
    python benchmarks/parity.py --base yolo26 --optimizer MuSGD
    python benchmarks/parity.py --data data.yaml --imgsz 320 --optimizer SGD AdamW --epochs 2

Prints, for each step, the losses, learning rates, momenta and gradient norms of both, and the distance of the EMA
weights; then the largest differences. `--free` also trains both freely with several seeds and prints their mAP.
"""

import argparse
import json
import logging
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytorch_lightning as pl
import torch
from hydra import compose
from omegaconf import OmegaConf

from yolograft.compute.devices import resolve
from yolograft.compute.reproducible import reproducible
from yolograft.config.search_path import initialized
from yolograft.data.dataset import build_dataset
from yolograft.data.draws import DrawnDataset, EpochBatches
from yolograft.data.module import DetectionData
from yolograft.data.sources.shapes import shapes
from yolograft.data.sources.yolo import yolo
from yolograft.data.spec import DataSpec
from yolograft.model.bases import BASES
from yolograft.model.detector import Detector, build_detector
from yolograft.model.from_config import model_spec
from yolograft.model.transfer import to_upstream
from yolograft.runs.resolvers import job_config, register
from yolograft.training.module import DetectionTraining
from yolograft.training.recipe import Recipe
from yolograft.training.schedule import Schedule
from yolograft.upstream.training import Evaluator, quiet

import ultralytics.engine.trainer as stock_engine  # isort: skip
from ultralytics.models.yolo.detect.train import DetectionTrainer  # isort: skip
from ultralytics.nn.tasks import DetectionModel  # isort: skip
from ultralytics.utils import NUM_THREADS  # isort: skip


@dataclass
class Trace:
    """What one trainer did, step by step."""

    losses: list[list[float]] = field(default_factory=list)
    rates: list[list[float]] = field(default_factory=list)
    momenta: list[list[float]] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    emas: list[torch.Tensor] = field(default_factory=list)

    def add(self, items: Any, optimizer: torch.optim.Optimizer, norm: float, ema: torch.Tensor) -> None:
        """Note a step; `items` are its losses by name."""
        self.losses.append([float(item) for item in items.values()])
        self.rates.append([group["lr"] for group in optimizer.param_groups])
        self.momenta.append([group.get("momentum", group.get("betas", (0,))[0]) for group in optimizer.param_groups])
        self.norms.append(norm)
        self.emas.append(ema)


def flat(state: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return all floating tensors of stock's state dict as one vector, in stock's order."""
    floating = [state[key].flatten() for key in sorted(state) if state[key].is_floating_point()]
    return torch.cat(floating).detach().cpu().clone()


def stock_config(base: str, scale: str) -> dict[str, Any]:
    """Return the config of a base as it is, at a scale."""
    register()
    with initialized("train"):
        return job_config(compose("train", [f"base={base}", f"scale={scale}"], return_hydra_config=True))


class Replay:
    """Our batches, as a loader that stock's trainer accepts."""

    def __init__(self, data: DetectionData, images: Any) -> None:
        self.data, self.dataset = data, images
        self.loader = data.train_dataloader()
        self.sampler, self.batch_size = range(len(data.train)), data.batches.batch
        self.num_workers, self.drop_last = 0, False
        self.epoch = 0

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        return len(self.loader)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the batches of the next epoch."""
        self.data.batches.set_epoch(self.epoch)
        self.epoch += 1  # at the first batch: stock makes an iterator that it throws away
        yield from self.loader

    def reset(self) -> None:
        """Closing mosaic is a matter of our draws."""


def train_stock(spec: DataSpec, data: DetectionData, val: Any, start: dict[str, torch.Tensor], options: Any) -> Trace:
    """Train with ultralytics' trainer on our batches."""
    trace = Trace()

    class Trainer(DetectionTrainer):
        def get_dataloader(self, dataset_path: Any, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
            return Replay(data, data.train.dataset) if mode == "train" else val

        def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> DetectionModel:
            model = DetectionModel(f"{options.base}{options.scale}.yaml", nc=spec.nc, verbose=False)
            model.load_state_dict(start)
            return model

        def _close_dataloader_mosaic(self) -> None:
            pass

        def plot_training_labels(self) -> None:
            pass

        def optimizer_step(self) -> None:
            self.scaler.unscale_(self.optimizer)
            self.norm = float(
                torch.nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
            )
            unscale, self.scaler.unscale_ = self.scaler.unscale_, lambda _: None
            super().optimizer_step()
            self.scaler.unscale_ = unscale

    def note(trainer: Any) -> None:
        norm = trainer.__dict__.pop("norm", float("nan"))
        trace.add(trainer.loss_items, trainer.optimizer, norm, flat(trainer.ema.ema.state_dict()))

    with tempfile.TemporaryDirectory() as folder:
        yaml = Path(folder) / "data.yaml"
        content = {"path": spec.root, "train": list(spec.train), "val": list(spec.val), "names": dict(spec.names)}
        OmegaConf.save(OmegaConf.create(content), yaml)
        stock_engine.check_amp = lambda model: True  # it downloads weights, and is no part of the training
        trainer = Trainer(overrides=stock_options(options, yaml, folder, seed=0))
        trainer.add_callback("on_train_batch_end", note)
        trainer.validate = lambda: ({}, 0.0)
        trainer.final_eval = lambda: None
        trainer.train()
    return trace


def stock_options(options: Any, yaml: Path, folder: str, seed: int) -> dict[str, Any]:
    """Return ultralytics' settings for one training."""
    return {
        "model": f"{options.base}{options.scale}.yaml",
        "data": str(yaml),
        "epochs": options.epochs,
        "imgsz": options.imgsz,
        "batch": options.batch,
        "optimizer": options.now,
        "device": options.device,
        "amp": options.amp,
        "seed": seed,
        "workers": options.workers,
        "plots": False,
        "project": folder,
        "pretrained": False,
        "verbose": False,
    }


class Note(pl.Callback):
    """Follows our training."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        """Note the step that was just made."""
        assert isinstance(module, DetectionTraining)
        assert module.ema is not None
        stepped = module.last_step == module.iteration
        norm = float(module.gradient_norm) if stepped else float("nan")
        self.trace.add(module.items, module.optimizer, norm, flat(to_upstream(module.ema.ema)))


def train_ours(model: Detector, data: DetectionData, val: Any, recipe: Recipe, options: Any) -> Trace:
    """Train with our LightningModule on the same batches."""
    trace = Trace()
    precision = "fp16" if options.amp else "fp32"
    channels_last = options.channels_last or options.device != "cpu"
    computing = {"precision": precision, "channels_last": channels_last, "threads": "auto"}
    compute = resolve(options.device, options.workers, computing)
    with tempfile.TemporaryDirectory() as folder:
        evaluator = Evaluator(val, Path(folder))
        module = DetectionTraining(model, recipe, Schedule(options.epochs, options.imgsz), compute, evaluator)
        trainer = pl.Trainer(
            accelerator=compute.accelerator,
            devices=compute.devices,
            max_epochs=options.epochs,
            callbacks=[Note(trace)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            num_sanity_val_steps=0,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(module, train_dataloaders=data.train_dataloader(), val_dataloaders=val)
    return trace


def relative(ours: float, stock: float) -> float:
    """Return the relative difference of two numbers; 0 where neither is finite, infinity where one of them is not."""
    if not math.isfinite(ours) or not math.isfinite(stock):
        return 0.0 if math.isfinite(ours) == math.isfinite(stock) else math.inf
    return abs(ours - stock) / max(abs(stock), 1e-12)


def compare(ours: Trace, stock: Trace) -> dict[str, float]:
    """Print both trainings step by step and return the largest differences."""
    worst = {"loss": 0.0, "lr": 0.0, "momentum": 0.0, "gradient_norm": 0.0, "ema": 0.0}
    if len(ours.losses) != len(stock.losses):
        raise SystemExit(f"ours made {len(ours.losses)} steps, stock {len(stock.losses)}")
    heads = f"{'loss: ours | stock (box cls dfl)':^61} {'lr of group 0':^21} {'gradient norm':^21}"
    print(f" step {heads} {'EMA distance':>13}")
    for step, (a, b) in enumerate(zip(ours.losses, stock.losses, strict=True)):
        ema = float((ours.emas[step] - stock.emas[step]).norm() / stock.emas[step].norm())
        worst["loss"] = max(worst["loss"], *(relative(x, y) for x, y in zip(a, b, strict=True)))
        for name in ("rates", "momenta"):
            pairs = zip(getattr(ours, name)[step], getattr(stock, name)[step], strict=True)
            key = {"rates": "lr", "momenta": "momentum"}[name]
            worst[key] = max(worst[key], *(abs(x - y) for x, y in pairs))
        norm = relative(ours.norms[step], stock.norms[step])
        worst["gradient_norm"] = max(worst["gradient_norm"], norm)
        worst["ema"] = max(worst["ema"], ema)
        print(
            f"{step:>5} {' '.join(f'{v:9.5f}' for v in a)} | {' '.join(f'{v:9.5f}' for v in b)} "
            f"{ours.rates[step][0]:10.7f} {stock.rates[step][0]:10.7f} "
            f"{ours.norms[step]:10.4f} {stock.norms[step]:10.4f} {ema:13.2e}"
        )
    if not (updates := sum(not torch.equal(before, after) for before, after in pairwise(ours.emas))):
        sys.exit("no step has changed the weights (mixed precision skips the first ones): train for more epochs")
    print(f"{updates} of {len(ours.emas) - 1} steps after the first changed the weights")
    return worst


def parity(options: Any) -> dict[str, float]:
    """Compare one optimizer's steps."""
    config = stock_config(options.base, options.scale)
    optim = {**config["optim"], "optimizer": options.now}
    spec = yolo(path=options.data) if options.data else shapes(train=options.images, val=8, size=options.imgsz)
    common: dict[str, Any] = {"imgsz": options.imgsz, "batch": options.batch}
    hyp = SimpleNamespace(**config["augment"])

    def loaders() -> tuple[DetectionData, Any]:
        train = build_dataset(spec, "train", hyp, augment=True, rect=False, **common)
        val = build_dataset(spec, "val", hyp, augment=False, rect=True, **common)
        batches = EpochBatches(len(train), options.batch, 0)
        drawn = DrawnDataset(train, [config["augment"]])
        data = DetectionData(drawn, val, batches, val_batch=options.batch, workers=options.workers)
        return data, data.val_dataloader()

    threads = NUM_THREADS  # what stock sets: sums in another order differ in the last bits
    with reproducible(0, threads, deterministic=True):
        model = build_detector(model_spec(config, spec.names))
        start = {name: tensor.clone() for name, tensor in to_upstream(model).items()}
        data, val = loaders()
        images = len(data.train)
        recipe = Recipe(options.epochs, -(-images // options.batch), options.batch, images, optim)
        ours = train_ours(model, data, val, recipe, options)
    with reproducible(0, threads, deterministic=True):
        data, val = loaders()
        stock = train_stock(spec, data, val, start, options)
    return compare(ours, stock)


def main() -> None:
    """Run the comparison for each base and optimizer; standard output ends in one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="a data.yaml; default: shapes")
    parser.add_argument("--images", type=int, default=64, help="training images of shapes")
    parser.add_argument("--base", nargs="+", default=["yolo11"], choices=list(BASES))
    parser.add_argument("--scale", default="n")
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--optimizer", nargs="+", default=["SGD", "AdamW"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--channels-last", action="store_true", help="ours as it is by default, on a CPU too")
    parser.add_argument("--amp", action="store_true", help="mixed precision (CUDA)")
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    quiet()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    results = {}
    for base, name in product(options.base, options.optimizer):
        options.base, options.now = base, name
        print(f"\n{name}, {options.base}{options.scale}, {options.imgsz} px, batch {options.batch}, {options.device}")
        found = results[f"{options.base} {name}"] = parity(options)
        for what, value in found.items():
            print(f"largest difference of {what}: {value:.3g}")
        sys.stdout.flush()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
