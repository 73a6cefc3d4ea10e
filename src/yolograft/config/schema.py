"""The keys of a training's config, with their types and limits, and what the other commands' schemas are made of.

The YAML files under `conf/` hold the defaults; these models say what else is allowed. Parts and data sets are not
listed here: their options are read from their own signatures, so that adding one edits nothing. The schema of another
command stands in its own file, `cli/NAME.py`.
"""

from pathlib import PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from yolograft.common.levels import check_levels, coarsest_stride
from yolograft.config.former import PROGRESSIVE
from yolograft.config.places import places

Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]


def _as_text(value: object) -> str:
    if value is None or isinstance(value, list | dict):
        raise ValueError("must be one text" if value is None else "must be one text, not several")
    return _not_empty(str(value))


def _not_empty(text: str) -> str:
    if not text.strip():  # as in weights=$UNSET
        raise ValueError("is empty; give a value, or leave it out")
    return text


Text = Annotated[str, BeforeValidator(_as_text)]  # name=2 is a name too
Place = Annotated[str, AfterValidator(_not_empty)]
"""A file, a folder or an address."""
Workers = Annotated[int, Field(ge=0, le=512)] | Literal["auto"]
"""Processes that load data."""


def _known_device(value: int | str | list[int | str]) -> int | str | list[int | str]:
    words = [str(w) for w in value] if isinstance(value, list) else str(value).removeprefix("cuda:").split(",")
    numbers = all(word.strip().isdigit() for word in words)
    processors = isinstance(value, list) and all(word == "cpu" for word in words)
    if not words or not (value in ("auto", "cpu", "cuda", "mps") or numbers or processors):
        raise ValueError("must be auto, cpu, cuda, mps, a GPU's number (0) or several ([0,1])")
    return value


Device = Annotated[int | str, AfterValidator(_known_device)]
Devices = Annotated[int | str | list[int | str], AfterValidator(_known_device)]
"""One device, or one for each process."""


def _without_folder(name: str) -> str:
    # As Windows reads it, which knows more separators: what is one name there is one name everywhere.
    if not name.isprintable() or not name.strip(". ") or PureWindowsPath(name).name != name:
        raise ValueError("must be the name of a file, without a folder")
    return name


FileName = Annotated[Text, AfterValidator(_without_folder)]
"""The name of a file in a folder that the program chooses, such as a run's: no setting leads out of it."""


class Strict(BaseModel):
    """Base of all models: unknown keys are refused, strings are not taken for numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Scale(Strict):
    """Compound scaling as YOLO11's: multipliers for depth and width, and the ceiling of the channels."""

    name: str
    depth: PositiveFloat
    width: PositiveFloat
    max_channels: PositiveInt
    c3k: bool


class Augment(Strict):
    """ultralytics' augmentation values, under its names."""

    hsv_h: Fraction
    hsv_s: Fraction
    hsv_v: Fraction
    degrees: Annotated[float, Field(ge=0, le=180)]
    translate: Fraction
    scale: NonNegative
    shear: Annotated[float, Field(ge=0, le=180)]
    perspective: Annotated[float, Field(ge=0, le=0.001)]
    flipud: Fraction
    fliplr: Fraction
    bgr: Fraction
    mosaic: Fraction
    mixup: Fraction
    cutmix: Fraction
    close_mosaic: Annotated[int, Field(ge=0)]
    multi_scale: Annotated[float, Field(ge=0, lt=1)]
    device: Literal["auto", "cpu", "gpu"]


class Optim(Strict):
    """ultralytics' optimizer and schedule, under its names."""

    optimizer: Literal["auto", "SGD", "MuSGD", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSprop"]
    lr0: PositiveFloat
    lrf: PositiveFloat
    momentum: Fraction
    weight_decay: NonNegative
    warmup_epochs: NonNegative
    warmup_momentum: Fraction
    warmup_bias_lr: NonNegative
    cos_lr: bool
    nbs: PositiveInt
    backbone_lr: PositiveFloat
    backbone_freeze_epochs: Annotated[int, Field(ge=0)]


class Trainer(Strict):
    """How the computation is done, not what is computed."""

    precision: Literal["auto", "fp32", "bf16", "fp16"]
    channels_last: bool | Literal["auto"]
    cpu_kernels: Literal["auto", False] = "auto"
    deterministic: bool
    cuda_graph: bool | Literal["auto"] = False
    threads: PositiveInt | Literal["auto"]
    plots: bool


class Progressive(Strict):
    """Progressive learning; see `yolograft.training.schedule`."""

    stages: PositiveInt
    smallest: Annotated[float, Field(gt=0, le=1)]
    weakest: Fraction


class Callbacks(BaseModel):
    """Lightning callbacks, by name and `_target_`."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _targets(self) -> "Callbacks":
        for name, settings in (self.model_extra or {}).items():
            if name == "progressive":
                raise ValueError(f"has no {name} any more{PROGRESSIVE}")
            if not isinstance(settings, dict) or "_target_" not in settings:
                raise ValueError(f"{name} must say its _target_, the class of a Lightning callback")
        return self


class DatasetOptions(Strict):
    """What every data set takes beside its own options."""

    check: Literal["strict", "warn", "off"] = "strict"
    split: Annotated[float, Field(gt=0, lt=1)] | None = None
    folds: Annotated[int, Field(ge=2)] | None = None
    fold: Annotated[int, Field(ge=0)] | None = None
    group_duplicates: bool = False
    range: PositiveFloat | Annotated[list[float], Field(min_length=2, max_length=2)] | None = None

    @property
    def limits(self) -> tuple[float, float] | None:
        """Return `range` as its lowest and highest value: 4095 is [0, 4095]."""
        if self.range is None:
            return None
        low, high = self.range if isinstance(self.range, list) else (0.0, self.range)
        return float(low), float(high)

    @model_validator(mode="after")
    def _together(self) -> "DatasetOptions":
        if (self.folds is None) != (self.fold is None):
            raise ValueError("dataset.folds and dataset.fold belong together: dataset.folds=5 dataset.fold=0,1,2,3,4")
        if self.folds is not None and self.fold is not None and self.fold >= self.folds:
            raise ValueError(f"dataset.fold={self.fold}: the folds are 0 to {self.folds - 1}")
        if self.folds is not None and self.split is not None:
            raise ValueError("dataset.split and dataset.folds exclude each other; give one")
        if isinstance(self.range, list) and not self.range[0] < self.range[1]:
            raise ValueError(f"dataset.range={self.range}: lowest value first, as in dataset.range=[0,4095]")
        return self


DATASET_OPTIONS = tuple(DatasetOptions.model_fields)

Activation = Literal["silu", "mish", "relu", "hardswish", "gelu", "leaky_relu", "prelu"]
"""The activations; `model/activation.py` has the layer of each."""


class BackboneOptions(Strict):
    """What every backbone takes beside its own options."""

    activation: Activation | None = None


class AttentionOptions(Strict):
    """What every attention takes beside its own options."""

    at: str | list[str] = "context"

    @field_validator("at")
    @classmethod
    def _places(cls, value: str | list[str]) -> str | list[str]:
        places(value)
        return value


class Imgsz(Strict):
    """The image size, shared by all commands that look at images."""

    imgsz: Annotated[int, Field(ge=32, le=65_536)]

    @field_validator("imgsz")
    @classmethod
    def _on_the_grid(cls, value: int | None) -> int | None:
        if value is not None and value % 32:
            low = value // 32 * 32
            raise ValueError(f"must be a multiple of 32, the coarsest stride: {low} or {low + 32}")
        return value


class Parts(Strict):
    """The groups that choose a model; their content is checked against the parts' own signatures."""

    backbone: dict[str, Any]
    context: dict[str, Any]
    neck: dict[str, Any]
    head: dict[str, Any]
    attention: dict[str, Any]
    loss: dict[str, Any]
    scale: Scale
    activation: Activation | None
    levels: list[str]

    @model_validator(mode="after")
    def _levels(self) -> "Parts":
        check_levels(self.levels)
        stride, imgsz = coarsest_stride(self.levels), getattr(self, "imgsz", None)
        if imgsz is not None and imgsz % stride:
            low = imgsz // stride * stride
            near = f"{low} or {low + stride}" if low else stride
            raise ValueError(f"imgsz={imgsz}: must be a multiple of {stride}, the stride of {self.levels[-1]}: {near}")
        return self
