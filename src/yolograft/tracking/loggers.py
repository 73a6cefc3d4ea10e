"""The table of loggers: which there are, what each must be given, and which one a config asks for.

A logger is a class in a file of this folder (see `base.RunLogger`), an entry here and a `conf/logger/NAME.yaml`.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field

from yolograft.common.errors import UserError
from yolograft.config.schema import Strict
from yolograft.tracking.base import RunLogger, TrackedRun
from yolograft.tracking.mlflow import MlflowLogger
from yolograft.tracking.tensorboard import TensorBoardLogger
from yolograft.tracking.wandb import WandbLogger

LOGGERS: Mapping[str, type[RunLogger]] = {
    "tensorboard": TensorBoardLogger,
    "wandb": WandbLogger,
    "mlflow": MlflowLogger,
}
"""By `logger.kind`, which is also the name of the extra; `csv`, beside them, means metrics.csv alone."""


class CsvSettings(Strict):
    """Nothing beyond metrics.csv, which every run writes."""

    kind: Literal["csv"]


if TYPE_CHECKING:
    LoggerSettings = Any
else:  # as a type that pydantic checks
    LoggerSettings = Annotated[
        Union[(CsvSettings, *(logger.Settings for logger in LOGGERS.values()))],
        Field(discriminator="kind"),
    ]


def check_logger(settings: Mapping[str, Any]) -> None:
    """Refuse, before anything is loaded, a logger that could not work.

    Args:
        settings: The `logger` group.

    Raises:
        UserError: If the logger's package is not installed, or W&B has no key to be online with.
    """
    kind = settings["kind"]
    if (logger := LOGGERS.get(kind)) is None:
        return
    if missing := [package for package in logger.packages if find_spec(package) is None]:
        raise UserError(f'logger={kind}: {missing[0]} is not installed; pip install "yolograft[{kind}]"')
    logger.check(settings)


def open_logger(settings: Mapping[str, Any], run: TrackedRun) -> RunLogger | None:
    """Return the logger of the `logger` group for a run; None where metrics.csv is enough, or the logger has failed.

    Args:
        settings: The `logger` group, checked.
        run: The run.
    """
    logger = LOGGERS.get(settings["kind"])
    return None if logger is None else logger.open(run, settings)
