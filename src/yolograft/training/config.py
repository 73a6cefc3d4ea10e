"""The config of a training as a schema; quick to import, since every command line is checked against it."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, field_validator, model_validator

from yolograft.config.schema import (
    Augment,
    Callbacks,
    Devices,
    Fraction,
    Imgsz,
    NonNegative,
    Optim,
    Parts,
    Progressive,
    Text,
    Trainer,
    Workers,
)
from yolograft.tracking.loggers import LoggerSettings

MOST_SEEDS = 10_000


class TrainConfig(Parts, Imgsz):
    """`yolograft train`."""

    dataset: dict[str, Any]
    augment: Augment
    optim: Optim
    trainer: Trainer
    logger: LoggerSettings
    progressive: Progressive | None
    callbacks: Callbacks
    epochs: Annotated[int, Field(gt=0, le=1_000_000)]
    time: PositiveFloat | None
    batch: int | float
    weights: Text | None
    weights_min: Fraction | None
    fraction: Annotated[float, Field(gt=0, le=1)]
    single_cls: bool
    rect: bool
    cache: bool | Literal["ram", "disk"]
    cache_gb: NonNegative
    freeze: Annotated[int, Field(ge=0)] | str | list[int | str] | None
    patience: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    device: Devices
    workers: Workers
    seeds: Annotated[int, Field(gt=0, le=MOST_SEEDS)] | None
    attempts: Annotated[int, Field(ge=0)]
    isolate: bool
    constraint: Text | None
    plan: bool
    name: Text | None
    project: Text

    @model_validator(mode="after")
    def _least_of_weights(self) -> "TrainConfig":
        if self.weights_min is not None and self.weights is None:
            raise ValueError(f"weights_min={self.weights_min:g}: there is nothing to refuse without weights=FILE")
        return self

    @field_validator("batch")
    @classmethod
    def _batch(cls, value: float) -> float:
        if value != -1 and not 0 < value < 1 and not (value >= 1 and value == int(value)):
            raise ValueError("must be a whole number from 1 on, or on CUDA -1 or a share of the memory such as 0.7")
        return value

    @field_validator("name")
    @classmethod
    def _one_folder(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip(". ") or set(value) & set('<>:"/\\|?*\n')):
            raise ValueError('names a folder: not empty, without / \\ : * ? " < > |')
        return value
