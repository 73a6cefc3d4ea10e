"""The last step of a run: its best weights measured as they lie on disk, and what is kept of what they find."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolograft.compute.devices import Compute
from yolograft.data.dataset import DetectionDataset
from yolograft.data.loaders import val_loader
from yolograft.evaluation.pictures import Album, Picture
from yolograft.evaluation.predictions import PredictionCollector
from yolograft.evaluation.validate import evaluate
from yolograft.model.weights import load_detector
from yolograft.runs.predictions import Predictions


@dataclass(frozen=True)
class RunResults:
    """What a run's best weights reach.

    Attributes:
        metrics: As `evaluate` returns them.
        predictions: For predictions.json.
        pictures: For the run's logger.
        names: Class names by number.
    """

    metrics: dict[str, Any]
    predictions: Predictions
    pictures: list[Picture]
    names: dict[int, str]


def measure_run(
    weights: Path,
    val_set: DetectionDataset,
    compute: Compute,
    *,
    batch: int,
    plots: Path | None,
    pictures: int,
    single_cls: bool,
    trust: tuple[str, ...],
) -> RunResults:
    """Measure a run's best weights on its validation set.

    Args:
        weights: The run's best.safetensors.
        val_set: The validation set.
        compute: Device and workers.
        batch: Images in a batch.
        plots: Where curves, confusion matrix and sample predictions are drawn; None draws nothing.
        pictures: How many pictures to take for the logger.
        single_cls: Take all classes for one.
        trust: Packages beside our own that the weights may name parts of.
    """
    best, _ = load_detector(weights, trust=trust)
    album = Album(pictures)
    collector = PredictionCollector(val_set.im_files, best.names)
    metrics = evaluate(
        best,
        val_loader(val_set, batch, compute.workers),
        plots or weights.parent,
        compute.device,
        plots=plots is not None,
        single_cls=single_cls,
        watch=[album, collector],
    )
    return RunResults(metrics, collector.result(), album.pictures, dict(best.names))
