"""One run's best weights in another format: written by ultralytics' exporter, run in its own runtime, and judged."""

import math
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from yolograft.common.errors import UserError
from yolograft.common.levels import coarsest_stride
from yolograft.common.metrics import METRIC
from yolograft.common.text import plain
from yolograft.compute.devices import Compute, for_inference
from yolograft.compute.reproducible import reproducible
from yolograft.data.dataset import build_dataset
from yolograft.data.loaders import val_loader
from yolograft.data.spec import DataSpec
from yolograft.evaluation.captured import captured
from yolograft.evaluation.export.calibration import calibration_images
from yolograft.evaluation.export.formats import FORMATS, PRECISIONS
from yolograft.evaluation.export.place import Place
from yolograft.evaluation.export.request import Request
from yolograft.evaluation.export.verify import Comparison, compare, judge
from yolograft.evaluation.provenance import Provenance
from yolograft.evaluation.runtimes import load_runtime
from yolograft.model.detector import Detector
from yolograft.model.torch_checkpoint import write_checkpoint
from yolograft.model.weights import load_detector
from yolograft.runs.exports import Export, Status, content_digest, content_size
from yolograft.runs.weights_file import digest
from yolograft.upstream.exporter import ExportedModel
from yolograft.upstream.exporter import export as export_upstream
from yolograft.upstream.training import quiet

_LONGEST = 300
"""Letters of a reason that are shown."""


def export(weights: Path, request: Request, say: Callable[[str], object]) -> tuple[Export, Path]:
    """Export weights, unless that was done before; run the file and compare it with PyTorch.

    Args:
        weights: A `best.safetensors`, which may be a stranger's. Nothing that lies beside it is run or loaded.
        request: What it is exported to.
        say: Is told what is being done.

    Returns:
        What became of it, and where the file is.

    Raises:
        UserError: The weights cannot be loaded, the data do not go with them, the place is taken, or the exporter
            cannot write this model in this format.
    """
    quiet()
    form = FORMATS[request.format]
    place = Place(weights, request)
    sha256 = digest(weights)
    if (done := place.done(sha256)) is not None:
        return done, place.folder / done.file
    place.refuse_foreign()
    model, extra = load_detector(weights, request.trust)
    trained = Provenance.from_extra(weights, extra)
    imgsz = trained.size(request.imgsz, coarsest_stride(model.spec.levels))
    runs = request.runs
    spec = trained.spec(request.dataset, model.names, request.trust) if runs or request.calibrated else None
    device = form.device or "cpu" if request.device == "auto" else request.device
    compute = for_inference(device, request.workers)
    with place.staging() as folder, reproducible(0, compute.threads, deterministic=True):
        say(f"writing {request.file()} at {imgsz} px")
        began = time.monotonic()
        if request.format == "pt":
            written = ExportedModel(folder / request.file(), bool(getattr(model, "end2end", False)))
            write_checkpoint(weights, written.path, request.trust)
            model = model.to(compute.device)
        else:
            written = _write(model.to(compute.device), folder, request, imgsz, compute, spec, trained.single_cls)
        seconds = time.monotonic() - began
        found: Comparison | None = None
        status: Status = "not run"
        reason: str | None = _why_not_run(request)
        if runs and spec is not None:
            say(f"running it on {spec.name}'s validation images")
            found = _compare(model, written, request, imgsz, compute, spec, trained.single_cls)
            status, reason = judge(found, request.exact, request.limit)
        made = Export(
            file=request.file(refused=status == "refused"),
            label=request.label,
            settings=request.settings,
            status=status,
            reason=reason,
            size=content_size(written.path),
            sha256=content_digest(written.path),
            weights_sha256=sha256,
            seconds=round(seconds, 1),
            versions=_versions(request),
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            **(_told(found) if found else {}),
        )
        place.take(written.path, made)
    return made, place.folder / made.file


def _write(
    model: Detector, folder: Path, request: Request, imgsz: int, compute: Compute, spec: DataSpec | None, single: bool
) -> ExportedModel:
    """Call ultralytics' exporter.

    Raises:
        UserError: It fails.
    """
    options = {
        "batch": 1,
        "format": request.format,
        "imgsz": imgsz,
        "quantize": PRECISIONS[request.quantize],
        "device": str(compute.device),
        **({"nms": False} if getattr(model, "end2end", False) else {}),  # in ultralytics' words: no NMS is needed
        **request.options,
    }
    calibration: Callable[[], Any] | None = None
    if request.calibrated and spec is not None:
        calibration = partial(calibration_images, spec, imgsz, request.batch, request.calibration, single_cls=single)
        options["data"] = spec.name  # else it notes COCO in the file
    try:
        with captured():
            if request.format == "ncnn":
                from yolograft.evaluation.export.for_ncnn import for_ncnn  # loads timm

                model = for_ncnn(model)
            return export_upstream(model, folder, options, calibration)
    except UserError:
        raise
    except SyntaxError as error:  # NCNN's converter writes Python, and what it does not know as it was
        unknown = plain((error.text or str(error)).strip())[:_LONGEST]
        raise UserError(f"format={request.format}: its converter cannot convert this model: {unknown}") from error
    except Exception as error:  # any of many converters may fail in any way
        reason = plain(" ".join(str(error).split()))[:_LONGEST] or type(error).__name__
        raise UserError(f"format={request.format}: ultralytics' exporter failed: {reason}") from error


def _compare(
    model: Detector,
    written: ExportedModel,
    request: Request,
    imgsz: int,
    compute: Compute,
    spec: DataSpec,
    single: bool,
) -> Comparison:
    dynamic = bool(request.options.get("dynamic"))
    dataset = build_dataset(
        spec,
        "val",
        SimpleNamespace(),
        imgsz,
        request.batch,
        augment=False,
        rect=dynamic,
        fraction=request.images or 1.0,
        single_cls=single,
    )
    if getattr(model, "end2end", False) != written.end2end:  # some formats cannot hold the one-to-one branch
        model.end2end = written.end2end
    loader = val_loader(dataset, request.batch, compute.workers)
    runtime = load_runtime("pytorch" if request.format == "pt" else request.format)
    pytorch = load_runtime("pytorch")(written.with_nms or model, device=compute.device, threads=compute.threads)
    try:
        source = load_detector(written.path, request.trust)[0] if request.format == "pt" else written.path
        exported = runtime(source, device=compute.device, threads=compute.threads)
        return compare(
            *(model.eval(), pytorch, exported, loader),
            batch=None if dynamic else request.batch,
            single_cls=single,
        )
    except UserError:
        raise
    except Exception as error:  # whatever a runtime finds wrong with what its converter wrote
        reason = plain(" ".join(str(error).split()))[:_LONGEST] or type(error).__name__
        raise UserError(f"format={request.format}: {runtime.title} cannot run the file: {reason}") from error


def _told(found: Comparison) -> dict[str, Any]:
    """Return a comparison as it is recorded: a difference that is no number is left out."""
    return {key: None if value in (math.inf, None) else value for key, value in vars(found).items()}


def _why_not_run(request: Request) -> str:
    form = FORMATS[request.format]
    if request.verify and form.system is not None:
        return f"{form.title} runs on {form.system[1]} only"
    return "verify=false"


def _versions(request: Request) -> Mapping[str, str]:
    found = {"torch": str(torch.__version__)}
    needs = FORMATS[request.format].needs(request.quantize)
    packages = (requirement.partition("==")[0] for _, requirement in needs)
    for package in ("ultralytics", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # a build under another name, as onnxruntime-gpu
            continue
    return found


def describe(made: Export) -> str:
    """Return in one line what became of an export."""
    if made.status == "not run":
        return f"written, not run here: {made.reason}"
    told = [f"{METRIC} {made.metrics.get(METRIC, 0):.4f}, in PyTorch {made.pytorch.get(METRIC, 0):.4f}"]
    if made.boxes is not None and made.scores is not None:
        told.append(f"boxes differ by at most {made.boxes:.1e}, scores by {made.scores:.1e}")
    verdict = "good" if made.status == "good" else f"refused: {made.reason}"
    return f"{verdict}; on {made.images} images {'; '.join(told)}"
