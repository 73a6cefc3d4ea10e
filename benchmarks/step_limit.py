"""What share of its step limit does a training reach?

    python benchmarks/step_limit.py imgsz=320 batch=16 device=cpu dataset=yolo dataset.path=data.yaml …

The limit is the speed of forward, loss, backward and, as often as in the training, optimizer and EMA on the training's
first batch, which lies on the device already: nothing is loaded, augmented or validated. Beside it stands the speed of
the training's epochs (their training part, `images_per_second` of run.json), with the same threads and precision.
Limit, training, limit: the limits on both sides say how steady the machine was.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import yolograft
from yolograft.cli.command_line import check_command_line
from yolograft.compute.devices import Compute, resolve
from yolograft.data.from_config import data_spec
from yolograft.data.module import DetectionData, EpochBatches
from yolograft.data.on_device import drawn
from yolograft.data.run_data import data_sets
from yolograft.model.detector import build_detector
from yolograft.model.from_config import model_spec
from yolograft.training.module import DetectionTraining
from yolograft.training.recipe import Recipe
from yolograft.training.run import conditions
from yolograft.training.schedule import Schedule
from yolograft.upstream.training import ModelEMA

SECONDS = 20.0
"""How long a limit is measured."""
EPOCHS = 4


def limit(config: dict[str, Any], compute: Compute) -> float:
    """Return images per second of steps on the first batch, over whole trainings of steps."""
    with conditions(config, compute):
        train_set, val_set = data_sets(config, data_spec(config), config["batch"])
        schedule = Schedule.of(config, EPOCHS)
        batches = EpochBatches(len(train_set), config["batch"], config["seed"], mode=schedule.mode)
        modes, where = schedule.augmentations(config["augment"]), config["augment"]["device"]
        train, painter = drawn(train_set, modes, where, compute)
        batch = DetectionData(train, val_set, batches, val_batch=1, workers=0, painter=painter).first_batch()
        given = {k: v.to(compute.device) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}
        model = build_detector(model_spec(config, train_set.spec.names)).to(compute.device)
        recipe = Recipe(EPOCHS, len(batches), config["batch"], len(train_set), config["optim"])
        module = DetectionTraining(model, recipe, schedule, compute, None)  # type: ignore[arg-type]  # no validation
        module.ema = ModelEMA(model)
        for _ in range(3):
            _step(module, given, 0)
        _finish(compute)
        count, began = 0, time.monotonic()
        while count == 0 or time.monotonic() - began < SECONDS:
            module.last_step = -1
            for iteration in range(recipe.batches * EPOCHS):
                _step(module, given, iteration)
                count += 1
        _finish(compute)
        return len(given["img"]) * count / (time.monotonic() - began)


def _step(module: DetectionTraining, batch: dict[str, Any], iteration: int) -> None:
    loss, _ = module.losses(module.to_input(batch))
    module.scaler.scale(loss).backward()
    if iteration - module.last_step >= module.recipe.accumulate(iteration):
        module.step()
        module.last_step = iteration


def _finish(compute: Compute) -> None:
    if compute.device.type == "cuda":
        torch.cuda.synchronize()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args()
    overrides = [f"epochs={EPOCHS}", "trainer.plots=false", *options.overrides]
    with tempfile.TemporaryDirectory(prefix="step-limit-", ignore_cleanup_errors=True) as folder:
        (spec,) = check_command_line("train", [*overrides, f"project={folder}"]).jobs
        config = spec.config
        compute = resolve(config["device"], config["workers"], config["trainer"])
        overrides += [f"trainer.threads={compute.threads}", f"project={folder}"]
        before = limit(config, compute)
        trained = yolograft.train(overrides)
        after = limit(config, compute)
    speed = float(trained.costs["images_per_second"])
    result = {
        "limit_before": round(before, 2),
        "training": round(speed, 2),
        "limit_after": round(after, 2),
        "share": round(speed / statistics.mean((before, after)), 3),
        "threads": compute.threads,
        "load": os.getloadavg()[0],
        "overrides": options.overrides,
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
