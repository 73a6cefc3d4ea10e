"""Small trainings within the test's own process."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose

from helpers.tiny import TINY
from helpers.training import Build, Train, Trained
from yolograft.config.check import validate
from yolograft.config.search_path import initialized
from yolograft.model.detector import Detector, build_detector
from yolograft.model.from_config import model_spec
from yolograft.runs import resolvers
from yolograft.runs.spec import RunSpec
from yolograft.training.config import TrainConfig
from yolograft.training.train import train


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small tensors gain nothing by threads, and other tests run beside this one."""
    torch.set_num_threads(1)


@pytest.fixture
def build() -> Build:
    """Build a detector with a backbone, its options, a scale and a number of classes."""

    def _build(*, backbone: str = "yolo11", scale: str = "n", nc: int = 2, **options: Any) -> Detector:
        changed = [f"backbone={backbone}", f"scale={scale}", *(f"backbone.{key}={v}" for key, v in options.items())]
        resolvers.register()
        with initialized("train"):
            config = resolvers.job_config(compose("train", changed, return_hydra_config=True))
        names = {index: str(index) for index in range(nc)}
        return build_detector(model_spec(config, names))

    return _build


@pytest.fixture
def run(tmp_path: Path) -> Train:
    """Train with overrides, as a config that was composed and checked; return the record and the folder."""

    def _run(*overrides: str, folder: str = "run") -> Trained:
        resolvers.register()
        with initialized("train"):
            composed = compose("train", [*TINY, *overrides], return_hydra_config=True)
            config = resolvers.job_config(composed)
            choices = {k: v for k, v in composed.hydra.runtime.choices.items() if isinstance(v, str)}
        validate(TrainConfig, config, choices)
        return train(RunSpec(config, tmp_path / folder, choices, list(overrides), "tests")).to_json(), tmp_path / folder

    return _run
