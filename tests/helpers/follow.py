"""A Lightning callback for tests: trains in double precision and notes every step's losses and gradient norm."""

import json
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from yolograft.training.module import DetectionTraining


class Follow(pl.Callback):
    """Writes `path` after every step.

    Args:
        path: The JSON to write.
        double: Compute in float64, where the order of sums leaves no trace in the first ten digits.
    """

    def __init__(self, path: str, double: bool = False) -> None:
        self.path, self.double = Path(path), double
        self.steps: list[list[float]] = []

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if not self.double:
            return
        assert isinstance(pl_module, DetectionTraining)
        pl_module.model.double()
        evaluator: Any = pl_module.evaluator
        preprocess = evaluator.preprocess

        def preprocessed(batch: dict[str, Any]) -> dict[str, Any]:
            batch = preprocess(batch)
            return {**batch, "img": batch["img"].double()}

        evaluator.preprocess = preprocessed

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        assert isinstance(pl_module, DetectionTraining)
        losses = [float(value) for value in pl_module.items.values()]
        self.steps.append([*losses, float(pl_module.gradient_norm)])
        if trainer.is_global_zero:
            self.path.write_text(json.dumps(self.steps))
