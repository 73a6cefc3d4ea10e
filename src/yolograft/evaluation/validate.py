"""Measure trained weights: mAP and its kin on a split of a data set, with ultralytics' post-processing and metrics."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch

from yolograft.common.levels import coarsest_stride
from yolograft.common.text import plain
from yolograft.compute.allocation import freed_memory_kept
from yolograft.compute.devices import for_inference
from yolograft.compute.reproducible import reproducible
from yolograft.data.checks import Check, conversions, enforce, summary_lines
from yolograft.data.dataset import DetectionDataset, Split, build_dataset
from yolograft.data.listing import list_notes
from yolograft.data.loaders import val_loader
from yolograft.data.spec import DataSpec
from yolograft.evaluation.provenance import Provenance
from yolograft.model.detector import Detector
from yolograft.model.weights import load_detector
from yolograft.runs.record import RUN_FILE
from yolograft.tasks.detect import DETECT
from yolograft.upstream.training import quiet

log = logging.getLogger(__name__)

Watcher = Callable[[dict[str, Any], list[dict[str, torch.Tensor]]], None]
"""Is shown a batch, and for each of its images the boxes found, as `Evaluator.update` returns them."""


def evaluate(
    model: Detector,
    loader: Any,
    folder: Path,
    device: torch.device,
    *,
    plots: bool = False,
    single_cls: bool = False,
    watch: Sequence[Watcher] = (),
) -> dict[str, Any]:
    """Measure a detector over a loader, in fp32.

    Args:
        model: The detector.
        loader: Batches of a data set's split.
        folder: Where plots go.
        device: Where to compute.
        plots: Draw confusion matrix, curves and sample predictions into `folder`.
        single_cls: Take all classes for one.
        watch: Called with every batch.

    Returns:
        mAP50, mAP50-95, precision, recall (0…1) and `per_class`.
    """
    evaluator = DETECT.evaluator(loader, folder, plots=plots, single_cls=single_cls)
    model = model.to(device).eval()
    evaluator.begin(model, device)
    with torch.inference_mode():
        for batch in loader:
            batch = evaluator.preprocess(batch)
            boxes = evaluator.update(model(batch["img"]), {**batch})  # drawing it, ultralytics puts arrays into it
            for look in watch:
                look(batch, boxes)
    return evaluator.result()


def validate(weights: Path, config: Mapping[str, Any], say: Callable[[str], object] = log.info) -> dict[str, Any]:
    """Measure saved weights on the data set of a config, or on the one that they were trained on.

    Args:
        weights: A `best.safetensors`, which may be a stranger's.
        config: The config of `yolograft val`.
        say: Is given each line about the data: what was read, and what is wrong with it.

    Returns:
        As `evaluate`, and `weights`, `dataset`, `split` and `imgsz`.

    Raises:
        UserError: The weights cannot be loaded, or the data do not go with them or are faulty.
    """
    quiet()
    model, extra = load_detector(weights, trust=tuple(config["trust"]))
    trained = Provenance.from_extra(weights, extra)
    stride = coarsest_stride(model.spec.levels)
    imgsz = trained.size(config["imgsz"], stride)
    single = trained.single_cls
    spec = trained.spec(config["dataset"], model.names, tuple(config["trust"]))
    compute = for_inference(config["device"], config["workers"])
    common = {"imgsz": imgsz, "batch": config["batch"], "single_cls": single, "stride": stride}
    dataset = build_dataset(spec, config["split"], SimpleNamespace(), augment=False, rect=True, **common)
    _check(dataset, spec, config["split"], config["dataset"]["check"], say)
    loader = val_loader(dataset, config["batch"], compute.workers)
    folder = _plots_folder(weights, f"{spec.name}-{config['split']}")
    with reproducible(0, compute.threads, deterministic=True), freed_memory_kept(), TemporaryDirectory() as nowhere:
        place = folder if config["plots"] else Path(nowhere)
        metrics = evaluate(model, loader, place, compute.device, plots=config["plots"], single_cls=single)
    return {**metrics, "weights": str(weights), "dataset": spec.name, "split": config["split"], "imgsz": imgsz}


def _check(dataset: DetectionDataset, spec: DataSpec, split: Split, check: Check, say: Callable[[str], object]) -> None:
    """Log what was read and its faults; raise at errors where `dataset.check` is strict."""
    faults = dataset.scan.faults
    if check != "off":
        read = f"{spec.name}: {spec.origin({split: len(dataset.listed)})}"
        for line in (read, *spec.notes, *list_notes(spec), *summary_lines(faults, 10), *conversions(faults)):
            say(plain(line))
    enforce(check, faults)


def _plots_folder(weights: Path, measured: str) -> Path:
    """Return where pictures go: into the run's folder, or beside weights that lie elsewhere."""
    run = weights.parent.parent
    return run / f"val-{measured}" if (run / RUN_FILE).exists() else weights.parent / f"{weights.stem}-val-{measured}"
