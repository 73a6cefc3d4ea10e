"""Logging for a while: what a run sets up is gone when it ends, and what was there before is back."""

import logging
import logging.config
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def logged(settings: Mapping[str, Any]) -> Iterator[None]:
    """Log as some settings say inside; afterwards handlers, levels and propagation are as before.

    Args:
        settings: As for `logging.config.dictConfig`; empty changes nothing.
    """
    if not settings:
        yield
        return
    loggers = [logging.getLogger(), *map(logging.getLogger, settings.get("loggers", {}))]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    try:
        logging.config.dictConfig(dict(settings))
        yield
    finally:
        for logger, handlers, level, propagate in before:
            for handler in logger.handlers:
                if handler not in handlers:
                    handler.close()
            logger.handlers, logger.level, logger.propagate = handlers, level, propagate
            logger.setLevel(level)  # forgets what it has cached
