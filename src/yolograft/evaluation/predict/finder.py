"""One trained detector that looks at pixels: plainly, along a video, or slice by slice."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yolograft.common.errors import UserError
from yolograft.common.suggestions import did_you_mean
from yolograft.common.text import plain
from yolograft.evaluation.yolo import TrainedYOLO, open_yolo


@dataclass(frozen=True)
class Found:
    """An object that a detector has found.

    Attributes:
        label: Number of its class.
        confidence: 0…1.
        box: Left, top, right, bottom, pixels of the image.
        track: Number of the object along a video; None where it is not tracked.
    """

    label: int
    confidence: float
    box: tuple[float, float, float, float]
    track: int | None = None


@dataclass(frozen=True)
class Settings:
    """How a detector looks.

    Attributes:
        conf: Lowest confidence of a box that is kept; None: 0.25, for tracks 0.1, as ultralytics.
        iou: Overlap above which the less confident of two boxes of a class is dropped.
        max_det: Most boxes in an image.
        classes: Numbers or names of the classes that are kept; None keeps all.
        imgsz: Side that images are brought to, pixels; None: that of the training.
        track: Follow objects through a video.
        tracker: Name of the tracker, of ultralytics.
        slice: Side of the slices that large images are looked at in, pixels; None looks at the whole image only.
        overlap: Share of a slice that it has in common with the next.
    """

    conf: float | None
    iou: float
    max_det: int
    classes: Sequence[int | str] | None
    imgsz: int | None
    track: bool
    tracker: str
    slice: int | None
    overlap: float

    @property
    def confidence(self) -> float:
        """The lowest confidence that holds."""
        return self.conf if self.conf is not None else 0.1 if self.track else 0.25


class Finder:
    """A detector of a file of weights, ready to look.

    Args:
        weights: The file.
        name: What the run is called in results.
        settings: How it looks.
        device: Where it computes, by torch's name.
        trust: Packages beside our own that the file may name parts of.

    Attributes:
        weights: The file.
        name: What the run is called.
        imgsz: Side that images are brought to, pixels.

    Raises:
        UserError: The file cannot be loaded, or the model does not have one of the classes.
    """

    def __init__(self, weights: Path, name: str, settings: Settings, device: str, trust: Sequence[str]) -> None:
        self.weights, self.name, self._settings = weights, name, settings
        self.yolo: TrainedYOLO = open_yolo(weights, trust)
        self.imgsz: int = settings.imgsz or self.yolo.overrides["imgsz"]
        self._options: dict[str, Any] = {
            "conf": settings.confidence,
            "iou": settings.iou,
            "max_det": settings.max_det,
            "classes": self._numbers(settings.classes),
            "imgsz": self.imgsz,
            "device": device,
            "verbose": False,
            "save": False,
        }
        self._seen = 0
        self._slicer: Any = self._sliced_model(device) if settings.slice else None

    @property
    def names(self) -> dict[int, str]:
        """Class names by number."""
        return self.yolo.names

    def begin(self) -> None:
        """Forget the video before: numbers of tracks begin anew."""
        self._seen = 0

    def __call__(self, image: np.ndarray) -> list[Found]:
        """Return what is found in an image, or in the next frame of a video, the most certain first.

        Args:
            image: [H, W, 3] uint8, blue first.
        """
        self._seen += 1
        if self._slicer is not None:
            return self._in_slices(image)
        if self._settings.track:
            tracker = f"{self._settings.tracker}.yaml"
            result = self.yolo.track(image, persist=self._seen > 1, tracker=tracker, **self._options)[0]
        else:
            result = self.yolo.predict(image, **self._options)[0]
        boxes = result.boxes.cpu()
        tracks = boxes.id.int().tolist() if boxes.id is not None else [None] * len(boxes)
        rows = zip(boxes.cls.tolist(), boxes.conf.tolist(), boxes.xyxy.tolist(), tracks, strict=True)
        found = [Found(int(label), confidence, _corners(box), track) for label, confidence, box, track in rows]
        return sorted(found, key=lambda each: -each.confidence)

    def _numbers(self, classes: Sequence[int | str] | None) -> list[int] | None:
        if classes is None:
            return None
        names = {name: number for number, name in self.names.items()}
        for wanted in classes:
            if wanted not in names and wanted not in self.names:
                known = ", ".join(map(plain, names))
                near = did_you_mean(str(wanted), list(names)) if isinstance(wanted, str) else ""
                raise UserError(f"classes={wanted}: {self.name} has no such class{near or ';'} Known: {known}")
        return [names[wanted] if isinstance(wanted, str) else wanted for wanted in classes]

    def _sliced_model(self, device: str) -> Any:
        """Return SAHI's view of the detector."""
        from sahi.models.ultralytics import UltralyticsDetectionModel

        logging.getLogger("sahi").setLevel(logging.ERROR)  # it warns of each box that a slice's border makes flat
        # SAHI hands over confidence, size and device alone; ultralytics takes the others from here.
        self.yolo.overrides.update({key: self._options[key] for key in ("iou", "max_det", "classes")})
        return UltralyticsDetectionModel(
            model=self.yolo, confidence_threshold=self._settings.confidence, image_size=self.imgsz, device=device
        )

    def _in_slices(self, image: np.ndarray) -> list[Found]:
        """Look at overlapping slices and at the whole image, and join what was found twice.

        Source: SAHI (Akyon et al. 2022), with its defaults: boxes of which the smaller lies by more than a half in the
        other are merged greedily.
        """
        from sahi.predict import get_sliced_prediction

        side, overlap = self._settings.slice, self._settings.overlap
        result = get_sliced_prediction(
            np.ascontiguousarray(image[..., ::-1]),
            self._slicer,
            slice_height=side,
            slice_width=side,
            overlap_height_ratio=overlap,
            overlap_width_ratio=overlap,
            verbose=0,
        )
        found = [
            Found(each.category.id, float(each.score.value), _corners(each.bbox.to_xyxy()))
            for each in result.object_prediction_list
        ]
        return sorted(found, key=lambda each: -each.confidence)[: self._settings.max_det]


def _corners(values: Sequence[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, values)
    return left, top, right, bottom
