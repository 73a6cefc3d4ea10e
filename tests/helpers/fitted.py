"""Weights that find something after seconds: a detector fitted to the validation images that it is measured on."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from helpers.models import make_spec
from yolograft.data.dataset import build_dataset
from yolograft.data.loaders import val_loader
from yolograft.data.sources.shapes import shapes
from yolograft.model.detector import build_detector
from yolograft.model.weights import save_detector

SIZE, IMAGES = 64, 8
DATA: dict[str, Any] = {"train": 12, "val": IMAGES, "size": SIZE, "max_objects": 1, "seed": 5}


def fitted_weights(file: Path, steps: int = 40, **choices: Any) -> Path:
    """Write the best.safetensors of a variant that has seen its validation images, and nothing else, `steps` times."""
    torch.manual_seed(0)
    data = shapes(**DATA)
    spec = make_spec(nc=data.nc, **choices)
    spec.names.update(data.names)
    model = build_detector(spec).train()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 0.3  # so few steps must do for the statistics too
    dataset = build_dataset(data, "val", SimpleNamespace(), imgsz=SIZE, batch=IMAGES, augment=False, rect=False)
    (batch,) = val_loader(dataset, IMAGES, 0)
    batch["img"] = batch["img"].float() / 255
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(steps):
        loss, _ = model(batch)
        loss.sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    settings = {"_target_": "yolograft.data.sources.shapes.shapes", **DATA}
    save_detector(model.eval(), file, {"config": {"dataset": settings}, "imgsz": SIZE})
    return file
