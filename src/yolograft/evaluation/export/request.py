"""What `yolograft export` is asked for, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolograft.evaluation.export.formats import FORMATS

_LIMITS = {"fp32": 0.002, "fp16": 0.002}
"""mAP50-95 that may be lost where `max_loss=` does not say."""
_LIMIT = 0.02
"""The same with weights of 8 bits."""


@dataclass(frozen=True)
class Request:
    """One export, of one run or of each of several.

    Attributes:
        format: A key of `FORMATS`.
        quantize: A key of `PRECISIONS`.
        imgsz: Side of the input, pixels; None: the run's.
        options: Those of the format's options that were set, by ultralytics' names.
        calibration: Training images that are calibrated on.
        verify: Whether the file is run, and compared with PyTorch.
        images: Validation images that it is run on; None: all.
        max_loss: mAP50-95 that may be lost; None: as `limit`.
        output: Where the file goes; None: into the run's own folder.
        device: As of `compute.devices.resolve`.
        workers: Processes that load data, or `auto`.
        dataset: The `dataset` group; without `_target_`: the run's own.
        trust: Packages beside ours that the weights may name parts of.
    """

    format: str
    quantize: str = "fp32"
    imgsz: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    calibration: int = 300
    verify: bool = True
    images: int | None = None
    max_loss: float | None = None
    output: Path | None = None
    device: int | str = "auto"
    workers: int | str = "auto"
    dataset: Mapping[str, Any] = field(default_factory=dict)
    trust: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether the file is run."""
        return self.verify and FORMATS[self.format].is_run_here

    @property
    def exact(self) -> bool:
        """Whether the file must give PyTorch's boxes."""
        return self.quantize == "fp32" and FORMATS[self.format].exact

    @property
    def limit(self) -> float:
        """mAP50-95 that may be lost."""
        return _LIMITS.get(self.quantize, _LIMIT) if self.max_loss is None else self.max_loss

    @property
    def label(self) -> str:
        """What columns and files call it: the format and what is not its default, such as `onnx_int8`."""
        return "_".join([self.format, *self._tags])

    def file(self, *, refused: bool = False) -> str:
        """Return the name of its file; ultralytics tells formats by how it ends."""
        return "_".join(["best", *self._tags, *["refused"] * refused]) + FORMATS[self.format].suffix

    @property
    def settings(self) -> dict[str, Any]:
        """What decides on the file and on what becomes of it; a repetition with the same is skipped."""
        made = {"format": self.format, "quantize": self.quantize, "imgsz": self.imgsz, **self.options}
        if self.calibrated:
            made["calibration"] = self.calibration
        judged = {"images": self.images, "max_loss": self.limit} if self.verify else {}
        return {**made, "verify": self.verify, **judged}

    @property
    def calibrated(self) -> bool:
        """Whether training images are needed."""
        return self.quantize in FORMATS[self.format].calibrated

    @property
    def batch(self) -> int:
        """Images in a batch of the exported graph."""
        return int(self.options.get("batch", 1))

    @property
    def _tags(self) -> list[str]:
        options = self.options
        return [
            *([self.quantize] if self.quantize != "fp32" else []),
            *([str(self.imgsz)] if self.imgsz else []),
            *([f"b{self.batch}"] if self.batch > 1 else []),
            *(name for name in ("dynamic", "nms") if options.get(name)),
        ]
