"""A file of weights as a run leaves it, without a training."""

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.models import make_spec
from yolograft.model.detector import build_detector
from yolograft.model.weights import save_detector

NAMES = {0: "circle", 1: "square", 2: "triangle", 3: "star"}
SHAPES = {"_target_": "yolograft.data.sources.shapes.shapes", "train": 4, "val": 6, "size": 64, "max_objects": 2}


def write_weights(file: Path, names: dict[int, str] | None = None, dataset: object = SHAPES, **choices: str) -> Path:
    """Write an untrained detector of 64 px that finds something in noise, too."""
    torch.manual_seed(0)
    spec = make_spec(nc=len(names or NAMES), **choices)
    spec.names.update(names or NAMES)
    model = build_detector(spec)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.rand(4, 3, 64, 64))  # else every feature map is nearly constant
    head: Any = model.model[-1]
    for branch in head.cv3:
        torch.nn.init.normal_(branch[-1].weight, std=0.1)
        torch.nn.init.constant_(branch[-1].bias, -1.0)
    save_detector(model, file, {"config": {"dataset": dataset}, "imgsz": 64})
    return file


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the best.safetensors of a run's folder."""
    return write_weights(tmp_path_factory.mktemp("run") / "checkpoints" / "best.safetensors")
