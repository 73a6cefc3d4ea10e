"""What share of its step limit does a training reach?

    python benchmarks/step_limit.py imgsz=320 batch=16 device=cpu dataset=yolo dataset.path=data.yaml …

The limit is the speed of forward, loss, backward, optimizer and EMA on one batch of noise that lies on the device
already: nothing is loaded, augmented or validated. Beside it stands the speed of a real training's epochs (their
training part, `images_per_second` of run.json), with the same threads and precision. Limit, training, limit: the limits
on both sides say how steady the machine was.
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
from yolograft.compute.reproducible import reproducible
from yolograft.model.detector import build_detector
from yolograft.model.from_config import model_spec
from yolograft.tasks.detect import DETECT
from yolograft.training.module import DetectionTraining
from yolograft.training.recipe import Recipe
from yolograft.training.schedule import Schedule
from yolograft.upstream.training import ModelEMA

SECONDS = 20.0
"""How long a limit is measured."""


def limit(config: dict[str, Any], compute: Compute, classes: int) -> float:
    """Return images per second of steps on noise: the median of many."""
    batch, imgsz = config["batch"], config["imgsz"]
    with reproducible(0, compute.threads, deterministic=config["trainer"]["deterministic"]):
        model = build_detector(model_spec(config, {index: str(index) for index in range(classes)})).to(compute.device)
        if compute.channels_last:
            model = model.to(memory_format=torch.channels_last)
        recipe = Recipe(epochs=1, batches=1000, batch=batch, images=1000 * batch, optim=config["optim"])
        module = DetectionTraining(model, recipe, Schedule(1, imgsz), compute, None)  # type: ignore[arg-type]  # no validation
        module.ema = ModelEMA(model)
        images = torch.randint(0, 256, (batch, 3, imgsz, imgsz), dtype=torch.uint8)
        given = {key: value.to(compute.device) for key, value in {"img": images, **DETECT.noise_labels(batch)}.items()}
        times: list[float] = []
        began = time.monotonic()
        while len(times) < 5 or time.monotonic() - began < SECONDS:
            start = time.monotonic()
            loss, _ = module.losses(module.to_input(given))
            module.scaler.scale(loss).backward()
            module.step()
            if compute.device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.monotonic() - start)
    return batch / statistics.median(times[2:])


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args()
    overrides = ["epochs=4", "trainer.plots=false", *options.overrides]
    with tempfile.TemporaryDirectory(prefix="step-limit-", ignore_cleanup_errors=True) as folder:
        (spec,) = check_command_line("train", [*overrides, f"project={folder}"]).jobs
        config = spec.config
        compute = resolve(config["device"], config["workers"], config["trainer"])
        overrides += [f"trainer.threads={compute.threads}", f"project={folder}"]
        before = limit(config, compute, classes=10)
        trained = yolograft.train(overrides)
        after = limit(config, compute, classes=10)
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
