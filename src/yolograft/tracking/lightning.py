"""Our loggers as Lightning sees them."""

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers import Logger

from yolograft.tracking.base import RunLogger


class LightningLogger(Logger):
    """Passes on what Lightning, and a user's callbacks, log.

    Args:
        logger: Ours.
    """

    def __init__(self, logger: RunLogger) -> None:
        super().__init__()
        self._logger = logger

    @property
    def name(self) -> str:
        """The run's name."""
        return self._logger.run.name

    @property
    def version(self) -> str:
        """Nothing: a run has one folder."""
        return ""

    @property
    def experiment(self) -> Any:
        """The package's own object, such as W&B's run."""
        return self._logger.experiment

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the config is known from the start."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values."""
        self._logger.log_metrics(metrics, step)
