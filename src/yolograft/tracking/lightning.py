"""Our loggers as Lightning sees them."""

import logging
from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers import Logger

from yolograft.tracking.base import RunLogger

log = logging.getLogger(__name__)


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
        """The package's own object, such as W&B's run; None where the logger has none or fails to make it.

        Lightning asks for it before the training begins.
        """
        try:
            return self._logger.experiment
        except Exception:  # no logger stops a training
            log.debug("", exc_info=True)
            return None

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the config is known from the start."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values."""
        self._logger.log_metrics(metrics, step)
