"""What a file of weights says of its own training; the file may be a stranger's."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolograft.common.errors import UserError
from yolograft.config.check import check_part
from yolograft.config.instantiate import locate
from yolograft.config.schema import DATASET_OPTIONS
from yolograft.data.from_config import data_spec
from yolograft.data.sources import named, shapes
from yolograft.data.spec import DataSpec

# Beyond these a person has to ask for it: the first fills memory, the second a disk.
_MAX_IMGSZ = 2048
_MAX_DRAWN = 10**10


@dataclass(frozen=True)
class Provenance:
    """How weights were trained.

    Attributes:
        weights: The file that says so.
        dataset: The `dataset` group of the training's config, as it stands there; None if missing.
        single_cls: Whether all classes were taken for one.
        imgsz: Image size, pixels; None if missing.
    """

    weights: Path
    dataset: dict[str, Any] | None
    single_cls: bool
    imgsz: int | None

    @classmethod
    def from_extra(cls, weights: Path, extra: Mapping[str, Any]) -> "Provenance":
        """Return what `save_detector` was given of it.

        Args:
            weights: The file.
            extra: As `load_detector` returns it.

        Raises:
            UserError: A value is of another type, or beyond what a training has.
        """
        config = extra.get("config") or {}
        dataset = config.get("dataset") if isinstance(config, dict) else config
        if not (isinstance(config, dict) and (dataset is None or isinstance(dataset, dict))):
            raise UserError(f"{weights}: what it says of its config or data set is no group of settings")
        imgsz = extra.get("imgsz")
        if imgsz is not None and not (type(imgsz) is int and 32 <= imgsz <= _MAX_IMGSZ and imgsz % 32 == 0):
            raise UserError(
                f"{weights}: says imgsz={imgsz!s:.20}, not a multiple of 32 up to {_MAX_IMGSZ}; say imgsz= yourself"
            )
        return cls(weights, dataset, config.get("single_cls") is True, imgsz)

    def data_settings(self, check: str, trust: Sequence[str]) -> dict[str, Any]:
        """Return the settings of the data set, if it may be read because the file says so.

        Only readers of YOLOGraft's own may be named, with their own options. They read images and labels where the
        settings say; what they write lies in the cache folder, where ultralytics' own recipe downloads a public data
        set to.

        Args:
            check: What `dataset.check` shall be.
            trust: Packages of which readers may be named, too.

        Raises:
            UserError: It is missing, or may not be read.
        """
        if self.dataset is None:
            raise UserError(
                f"dataset=: {self.weights} does not say what it was trained on; choose one, as dataset=coco128"
            )
        try:
            return _harmless({**self.dataset, "check": check}, trust)
        except UserError as error:
            raise UserError(f"{self.weights}: {error}") from error

    def spec(self, settings: Mapping[str, Any], names: Mapping[int, str], trust: Sequence[str]) -> DataSpec:
        """Return the data set to measure the weights on.

        Args:
            settings: The `dataset` group that a person chose; one without `_target_` stands for the training's.
            names: The weights' class names.
            trust: Packages of which readers may be named, too.

        Raises:
            UserError: It is missing, may not be read, or has other classes.
        """
        chosen = dict(settings) if "_target_" in settings else self.data_settings(settings["check"], trust)
        spec = data_spec({"dataset": chosen, "single_cls": self.single_cls})
        if list(spec.names.values()) != list(names.values()):
            raise UserError(
                f"dataset: {spec.name} has the classes {', '.join(spec.names.values())}; "
                f"{self.weights} was trained on {', '.join(names.values())}"
            )
        return spec

    def size(self, imgsz: int | None, stride: int) -> int:
        """Return the side of the input, pixels: the one that a person chose, or that of the training.

        Args:
            imgsz: The one that a person chose.
            stride: The model's coarsest stride.

        Raises:
            UserError: Neither is known, or it is no multiple of the stride.
        """
        if (known := imgsz or self.imgsz) is None:
            raise UserError(
                f"imgsz=: {self.weights} does not say at which size it was trained; choose one, as imgsz=640"
            )
        if known % stride:
            raise UserError(f"imgsz={known}: must be a multiple of {stride}, the coarsest stride of {self.weights}")
        return known


def _harmless(settings: dict[str, Any], trust: Sequence[str]) -> dict[str, Any]:
    target = str(settings.get("_target_"))
    reader = locate(target, "dataset", trust)
    check_part("dataset", settings)
    for key in ("path", "root"):
        place = settings.get(key)
        if isinstance(place, str) and place.startswith(("\\\\", "//")):  # opening it would send Windows' password hash
            raise UserError(f"dataset.{key}={place}: lies on another machine; if you trust it, say dataset= yourself")
    if reader is named.named:
        _, there = named.described(name=settings["name"], root=settings.get("root"))
        if not there:
            settings["root"] = None
    if reader is shapes.shapes:
        given = {key: value for key, value in settings.items() if key not in ("_target_", *DATASET_OPTIONS)}
        drawn = inspect.signature(reader).bind(**given)
        drawn.apply_defaults()
        images, size, objects = (drawn.arguments[key] for key in ("val", "size", "max_objects"))
        images += drawn.arguments["train"]
        if images * size**2 * objects > _MAX_DRAWN:
            raise UserError(f"dataset: {images} images of {size} px are too many to draw on a file's word")
    return settings
