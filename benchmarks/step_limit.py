"""What share of its step limit does a training reach?

    python benchmarks/step_limit.py imgsz=320 batch=16 device=cpu dataset=yolo dataset.path=data.yaml …

The limit is the speed of forward, loss, backward, optimizer and EMA on the batches of an epoch that lie on the device
already: nothing is loaded, augmented or validated. It is measured within the training, after the training part of every
epoch, on its batches (the first 32) and with a copy of the model: a machine that others use too is as busy for the one
as for the other. The share is the median over the epochs after the first, which starts what the others have.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

import yolograft
from yolograft.training.module import DetectionTraining
from yolograft.upstream.training import ModelEMA

EPOCHS = 7
BATCHES = 32
"""The most that are kept."""


class EpochLimit(pl.Callback):
    """Measures the training part of every epoch, and the limit after it.

    Args:
        out: A JSON file: of every epoch `training` and `limit`, images per second.
    """

    def __init__(self, out: str) -> None:
        self.out = Path(out)
        self.epochs: list[dict[str, float]] = []
        self._batches: list[dict[str, Any]] = []
        self._module: DetectionTraining | None = None
        self._images = 0
        self._began = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock; the first batch is waited for from here on."""
        _finish(pl_module.device)
        self._batches, self._images, self._began = [], 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count, and keep the batch."""
        self._images += len(batch["img"])
        if len(self._batches) < BATCHES:
            self._batches.append(batch)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock, and measure the limit."""
        assert isinstance(pl_module, DetectionTraining)
        _finish(pl_module.device)
        training = self._images / (time.perf_counter() - self._began)
        if self._module is None:
            self._module = _copy(pl_module)
        self.epochs.append({"training": training, "limit": self._limit(self._module, pl_module.epoch)})
        self.out.write_text(json.dumps(self.epochs), encoding="utf-8")

    @torch.enable_grad()
    def _limit(self, module: DetectionTraining, epoch: int) -> float:
        """Return images per second of steps on the batches that were kept."""
        _finish(module.device)
        began = time.perf_counter()
        for iteration, batch in enumerate(self._batches, module.recipe.batches * epoch):
            loss, _ = module.losses(module.to_input(batch))
            module.scaler.scale(loss).backward()
            if iteration - module.last_step >= module.recipe.accumulate(iteration):
                module.step()
                module.last_step = iteration
        _finish(module.device)
        return sum(len(batch["img"]) for batch in self._batches) / (time.perf_counter() - began)


def _copy(module: DetectionTraining) -> DetectionTraining:
    """Return a training of a copy of the model, under the same conditions."""
    model = deepcopy(module.model).train()
    model.criterion = model.init_criterion()
    copied = DetectionTraining(model, module.recipe, module.schedule, module.compute, module.evaluator)
    copied.ema = ModelEMA(model)
    return copied.to(module.device)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> int:
    """Train with the callback and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))  # the callback is looked for by its name
    with tempfile.TemporaryDirectory(prefix="step-limit-", ignore_cleanup_errors=True) as folder:
        measured = Path(folder) / "epochs.json"
        callback = f"+callbacks.limit={{_target_: step_limit.EpochLimit, out: '{measured}'}}"
        overrides = [f"epochs={EPOCHS}", "trainer.plots=false", callback, *options.overrides]
        yolograft.train([*overrides, f"project={folder}/runs"])
        epochs = json.loads(measured.read_text(encoding="utf-8"))
    result = {
        "share": round(statistics.median(epoch["training"] / epoch["limit"] for epoch in epochs[1:]), 3),
        "epochs": [{key: round(value, 2) for key, value in epoch.items()} for epoch in epochs],
        "load": os.getloadavg()[0],
        "overrides": options.overrides,
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
