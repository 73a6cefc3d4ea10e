"""Detection: boxes with classes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolograft.common.metrics import EPOCH_METRICS, METRIC
from yolograft.tasks.task import Loss, Panel, Task

if TYPE_CHECKING:
    from torch import Tensor

    from yolograft.upstream.training import Evaluator


def _evaluator(loader: Any, folder: Path, *, plots: bool = False, single_cls: bool = False) -> "Evaluator":
    from yolograft.upstream.training import Evaluator

    return Evaluator(loader, folder, plots=plots, single_cls=single_cls)


def _noise_labels(images: int) -> "dict[str, Tensor]":
    import torch

    boxes = torch.full((images, 4), 0.5)
    return {"cls": torch.zeros(images, 1), "bboxes": boxes, "batch_idx": torch.arange(float(images))}


DETECT = Task(
    losses=(
        Loss("box_loss", "box", "box loss"),
        Loss("cls_loss", "cls", "class loss"),
        Loss("dfl_loss", "dfl", "DFL loss"),
    ),
    metrics=EPOCH_METRICS,
    fitness=METRIC,
    metric_panels=(
        Panel("precision, recall", ("metrics/precision", "metrics/recall"), ("precision", "recall")),
        Panel("mAP", ("metrics/mAP50", "metrics/mAP50-95"), ("mAP50", "mAP50-95")),
    ),
    watched=("train/box_loss", "train/cls_loss", "val/box_loss"),
    evaluator=_evaluator,
    noise_labels=_noise_labels,
)
