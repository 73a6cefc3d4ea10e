"""A trained detector behind the interface that ultralytics' users know: predict, track, val, export, benchmark."""

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NoReturn

from yolograft.common.errors import UserError
from yolograft.data.as_yolo import copy_as_yolo
from yolograft.data.dataset import DetectionDataset, Split, build_dataset
from yolograft.data.loaders import val_loader
from yolograft.evaluation.provenance import Provenance
from yolograft.model.detector import Detector
from yolograft.model.weights import load_detector
from yolograft.upstream.training import provide_fonts
from yolograft.upstream.yolo import DetectionValidator, MemoryYOLO, write_yaml

_BENCHMARK_IMAGES = 128
"""Images of the run's own validation split that a benchmark measures mAP on where it is given no data."""


class TrainedYOLO(MemoryYOLO):
    """An `ultralytics.YOLO` around a detector of YOLOGraft.

    Where ultralytics falls back on COCO, the data set of the training is used: `val()` measures on it as
    `yolograft val` does, `benchmark()` on a sample of it.

    Args:
        model: The detector.
        trained: What its file says of its training.
        trust: Packages beside our own whose data readers the file may name.
    """

    model: Detector

    def __init__(self, model: Detector, trained: Provenance, trust: Sequence[str] = ()) -> None:
        settings: dict[str, Any] = {"imgsz": trained.imgsz or 640, "single_cls": trained.single_cls}
        if model.end2end:
            settings["nms"] = False  # else stock would take the other branch of the head
        super().__init__(model, trained.weights, settings)
        self._trained, self._trust = trained, tuple(trust)

    def track(self, *args: Any, **kwargs: Any) -> Any:
        """Track objects through a video, as stock does.

        Raises:
            UserError: The package that assigns boxes to tracks is not installed.
        """
        if find_spec("lap") is None:  # stock would install it
            raise UserError("tracking needs the package lap: pip install 'yolograft[predict]'")
        return super().track(*args, **kwargs)

    def val(self, validator: Any = None, **kwargs: Any) -> Any:
        """Measure the detector, as stock does; without `data` on the data set that it was trained on.

        Raises:
            UserError: There is no `data`, and the weights do not say what they were trained on, or it is not there.
        """
        data = kwargs.pop("data", None)
        if validator is not None or data is not None:
            return super().val(validator, data=data, **kwargs)
        settings = {"batch": 16, "split": "val", "rect": True, **self.overrides, **kwargs}
        dataset = self._own_data(settings["split"], settings["imgsz"], settings["batch"], rect=settings["rect"])
        loader = val_loader(dataset, settings["batch"], workers=0)
        with TemporaryDirectory() as folder:  # stock wants a data.yaml, though it reads no image through it
            splits = dict.fromkeys(("train", "val", "test"), ".")
            write_yaml(Path(folder, "data.yaml"), {"path": folder, **splits, "names": dataset.spec.names})
            return super().val(partial(DetectionValidator, loader), data=str(Path(folder, "data.yaml")), **kwargs)

    def benchmark(self, data: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Export to each format and measure it, as stock does; without `data` on images of its own validation split.

        Raises:
            UserError: As for `val`.
        """
        if data is not None:
            return super().benchmark(data, *args, **kwargs)
        dataset = self._own_data("val", self.overrides["imgsz"], 1, rect=False)
        with TemporaryDirectory() as folder:
            copy = copy_as_yolo(dataset, Path(folder), _BENCHMARK_IMAGES)
            return super().benchmark(str(copy), *args, **kwargs)

    def train(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: stock's trainer would build another model from its own description.

        Raises:
            UserError: Always; says what trains it.
        """
        weights = self.ckpt_path
        raise UserError(f"a detector of YOLOGraft is trained on with yolograft.train('… weights={weights}')")

    tune = train

    def _own_data(self, split: Split, imgsz: int, batch: int, *, rect: bool) -> DetectionDataset:
        """Return a split of the data set that the detector was trained on."""
        spec = self._trained.spec({"check": "warn"}, self.names, self._trust)
        single, none = self._trained.single_cls, SimpleNamespace()
        return build_dataset(spec, split, none, imgsz, batch, augment=False, rect=rect, single_cls=single)


def open_yolo(path: Path, trust: Sequence[str] = ()) -> TrainedYOLO:
    """Return the detector of a file of weights, which may be a stranger's.

    Args:
        path: A `best.safetensors`, or a `.pt` that YOLOGraft wrote.
        trust: Packages beside ours, ultralytics', timm's and torch's that its parts may come from.

    Raises:
        UserError: The file cannot be loaded.
    """
    provide_fonts()  # pictures would ask the network for one
    detector, extra = load_detector(path, trust)
    return TrainedYOLO(detector, Provenance.from_extra(path, extra), trust)
