"""ultralytics' exporter and TensorRT backend, called with a detector, a place and calibration images of ours."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from torch import nn
from ultralytics.engine.exporter import Exporter, NMSModel
from ultralytics.utils import LOGGER, SETTINGS, checks

from yolograft.upstream.coreml import take_numpy_2_4

__all__ = ["ExportedModel", "export", "tensorrt_backend"]


@dataclass(frozen=True)
class ExportedModel:
    """What was written.

    Attributes:
        path: The file or folder.
        end2end: Whether it holds the one-to-one branch of a head that has one.
        with_nms: The same model with its NMS in PyTorch; None where it holds no NMS.
    """

    path: Path
    end2end: bool
    with_nms: nn.Module | None = None


class _Exporter(Exporter):
    """Exporter that calibrates on images that it is given, and tells nobody."""

    def __init__(self, overrides: dict[str, Any], calibration: Callable[[], Any]) -> None:
        super().__init__(overrides=overrides)
        self.calibration = calibration

    def get_int8_calibration_dataloader(self, prefix: str = "") -> Any:
        """Return the batches; ultralytics' own method takes the validation images of the data set `data`."""
        return self.calibration()

    def run_callbacks(self, event: str) -> None:
        """Call nobody: ultralytics' own callbacks report exports over the network."""


def export(
    model: nn.Module, folder: Path, options: Mapping[str, Any], calibration: Callable[[], Any] | None = None
) -> ExportedModel:
    """Write a detector in another format.

    Args:
        model: The detector; it is copied.
        folder: Where the file goes.
        options: ultralytics' arguments: `format`, `imgsz`, `batch`, `quantize`, ….
        calibration: Returns batches to calibrate int8 on: a loader with `batch_size`, of `{"img": uint8 [B, 3, H, W]}`.

    Raises:
        Exception: Whatever the exporter raises.
    """
    copied: Any = deepcopy(model)
    # The exporter names its files after the model's, and replaces its suffix everywhere in the path.
    copied.pt_path = folder / f"best.{uuid4().hex}"
    with _undisturbed():
        if options["format"] == "coreml":
            take_numpy_2_4()
        exporter = _Exporter(dict(options), calibration or list)
        path = Path(exporter(copied))
        with_nms = NMSModel(exporter.model, exporter.args) if exporter.args.nms else None
        return ExportedModel(path, bool(exporter.metadata["end2end"]), with_nms)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep ultralytics from logging, installing, and noting in its settings file that it has praised OpenVINO."""
    level, praise, installs = LOGGER.level, SETTINGS.get("openvino_msg"), checks.AUTOINSTALL
    LOGGER.setLevel(logging.CRITICAL)
    checks.AUTOINSTALL = False
    dict.__setitem__(SETTINGS, "openvino_msg", False)
    try:
        yield
    finally:
        LOGGER.setLevel(level)
        checks.AUTOINSTALL = installs
        dict.__setitem__(SETTINGS, "openvino_msg", praise)


def tensorrt_backend(engine: Path, device: torch.device) -> Any:
    """Return ultralytics' backend for an engine; it takes images [B, 3, H, W], 0…1.

    Args:
        engine: The file.
        device: A CUDA device.
    """
    from ultralytics.nn.backends import TensorRTBackend

    return TensorRTBackend(engine, device)
