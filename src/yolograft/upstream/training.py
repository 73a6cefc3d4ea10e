"""ultralytics' own recipe, validator and plots, called without its trainer."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from matplotlib import get_data_path, rcParams
from torch import nn
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.yolo.detect.val import DetectionValidator
from ultralytics.utils import LOGGER, USER_CONFIG_DIR
from ultralytics.utils.autobatch import check_train_batch_size
from ultralytics.utils.plotting import plot_images, plot_labels
from ultralytics.utils.torch_utils import EarlyStopping, ModelEMA

from yolograft.common.files import atomic_write
from yolograft.common.text import plain

__all__ = [
    "EarlyStopping",
    "Evaluator",
    "ModelEMA",
    "build_optimizer",
    "draw_batch",
    "draw_labels",
    "provide_fonts",
    "quiet",
]


def quiet() -> None:
    """Show only ultralytics' errors; progress and results are logged by us."""
    LOGGER.setLevel("ERROR")
    rcParams["text.parse_math"] = False  # class names may hold a $
    provide_fonts()


def provide_fonts() -> None:
    """Put matplotlib's font where ultralytics looks for Arial; else every picture asks the network for it."""
    for name in ("Arial.ttf", "Arial.Unicode.ttf"):
        if not (USER_CONFIG_DIR / name).exists():
            atomic_write(USER_CONFIG_DIR / name, (Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf").read_bytes())


def build_optimizer(
    model: nn.Module, settings: Mapping[str, Any], nc: int, weight_decay: float, iterations: int
) -> tuple[torch.optim.Optimizer, dict[str, Any]]:
    """Build the optimizer with ultralytics' own choice, parameter groups and fused kernels.

    Args:
        model: The detector; its head is `model.model[-1]`.
        settings: The `optim` group: optimizer, lr0, momentum, warmup_bias_lr, ….
        nc: Number of classes; `optimizer=auto` fits the learning rate to it.
        weight_decay: Weight decay, already scaled to the accumulated batch.
        iterations: Optimizer steps of the whole training at the nominal batch; `auto` chooses by it.

    Returns:
        The optimizer, and the settings with what `auto` chose filled in.
    """
    args = SimpleNamespace(**settings)
    trainer = SimpleNamespace(args=args, data={"nc": nc})
    optimizer = BaseTrainer.build_optimizer(
        trainer,  # it reads args and data only
        model=model,
        name=args.optimizer,
        lr=args.lr0,
        momentum=args.momentum,
        decay=weight_decay,
        iterations=iterations,
    )
    return optimizer, vars(args)


def fitting_batch(
    model: nn.Module, device: torch.device, imgsz: int, batch: float, mixed: bool, objects: int, images: int
) -> int:
    """Return the batch that fills a share of a CUDA device's memory, as ultralytics finds it.

    Args:
        model: The detector; it is moved to the device.
        device: The CUDA device.
        imgsz: Image size, pixels.
        batch: Share of the memory, 0…1; -1 is ultralytics' own.
        mixed: Train in mixed precision.
        objects: Most objects in an image, mosaic included.
        images: Images in the training split; the batch is never larger.
    """
    return int(check_train_batch_size(model.to(device), imgsz, mixed, batch, max_num_obj=objects, dataset_size=images))


class Evaluator:
    """ultralytics' detection validator as three steps: begin, update with each batch, result.

    Post-processing (NMS at IoU 0.7, confidence 0.001, at most 300 boxes) and metrics are the validator's own.

    Args:
        loader: The data loader that will be gone through; its dataset is a YOLODataset.
        folder: Where plots go.
        plots: Draw the confusion matrix, the curves and the first three batches.
        single_cls: Take all classes for one.
    """

    def __init__(self, loader: Any, folder: Path, *, plots: bool = False, single_cls: bool = False) -> None:
        import torchvision  # noqa: F401 - once it is imported ultralytics' NMS is torchvision's, as in its own commands

        args = {"plots": plots, "single_cls": single_cls}
        self.validator = DetectionValidator(loader, save_dir=folder, args=args)
        self.validator._check_max_det(self.validator.args, {"val": loader.dataset})
        self._seen_batches = 0
        self._names: Mapping[int, str] = {}

    def begin(self, model: nn.Module, device: torch.device) -> None:
        """Forget what was seen before.

        Args:
            model: The detector; read for its class names.
            device: Where batches go.
        """
        validator = self.validator
        validator.device, validator.data = device, {"val": ""}
        validator.init_metrics(model)
        self._names = validator.names
        # In pictures: no font takes a lone surrogate.
        validator.names = validator.metrics.names = validator.confusion_matrix.names = _drawn(validator.names)
        self._seen_batches = 0

    def preprocess(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Move a batch to the device; images [B, 3, H, W] uint8 become 0…1."""
        return self.validator.preprocess(batch)

    def update(self, predictions: Any, batch: dict[str, Any]) -> list[dict[str, torch.Tensor]]:
        """Count one batch.

        Args:
            predictions: What the detector returns in eval mode, (decoded [B, 4 + nc, anchors], raw).
            batch: The preprocessed batch.

        Returns:
            For each image its boxes: `bboxes` [N, 4] (corners, pixels), `conf` [N], `cls` [N].
        """
        validator = self.validator
        boxes: list[dict[str, torch.Tensor]] = validator.postprocess(predictions)
        validator.update_metrics(boxes, batch)
        if validator.args.plots and self._seen_batches < 3:
            validator.plot_val_samples(batch, self._seen_batches)
            validator.plot_predictions(batch, boxes, self._seen_batches)
        self._seen_batches += 1
        return boxes

    def result(self, gather: Callable[[dict[str, list[Any]]], dict[str, list[Any]]] | None = None) -> dict[str, Any]:
        """Return mAP50, mAP50-95, precision, recall (0…1) over all classes and `per_class`, by class name.

        Args:
            gather: Joins what several processes have counted.
        """
        metrics = self.validator.metrics
        if gather is not None:
            metrics.stats = gather(metrics.stats)
        self.validator.get_stats()
        self.validator.finalize_metrics()
        names = ("precision", "recall", "mAP50", "mAP50-95")
        overall: dict[str, Any] = dict(zip(names, map(float, np.nan_to_num(metrics.mean_results())), strict=True))
        overall["per_class"] = {
            self._names[int(c)]: dict(zip(names, map(float, metrics.class_result(i)), strict=True))
            for i, c in enumerate(metrics.ap_class_index)
        }
        return overall


def draw_batch(batch: Mapping[str, Any], file: Path, names: Mapping[int, str]) -> None:
    """Draw the images of a batch with their boxes into one picture."""
    plot_images(labels=dict(batch), paths=batch["im_file"], fname=file, names=_drawn(names), threaded=False)


def draw_labels(labels: list[dict[str, Any]], names: Mapping[int, str], folder: Path) -> None:
    """Draw `labels.jpg`: classes, positions and sizes of a data set's boxes."""
    boxes = np.concatenate([label["bboxes"] for label in labels], 0)
    classes = np.concatenate([label["cls"] for label in labels], 0).squeeze(-1)
    plot_labels(boxes, classes, names=_drawn(names), save_dir=folder)


def _drawn(names: Mapping[int, str]) -> dict[int, str]:
    """Return class names as pictures show them."""
    return {number: plain(name) for number, name in names.items()}
