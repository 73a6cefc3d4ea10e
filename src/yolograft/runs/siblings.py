"""Finished runs beside a new one with the same settings but fewer epochs."""

import logging
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolograft.common.files import read_text
from yolograft.common.parsing import parse_yaml
from yolograft.runs.identity import shapes_result
from yolograft.runs.record import RunRecord

log = logging.getLogger(__name__)


def say_trained_shorter(folder: Path, config: Mapping[str, Any]) -> None:
    """Log that a new run does not continue a finished one of fewer epochs, and how to start from its weights.

    The learning rate schedule depends on the number of epochs, so a run with more of them is another run.

    Args:
        folder: The new run's folder, `NAME-IDENTITY`.
        config: Its resolved config.
    """
    name = folder.name.rpartition("-")[0]
    settings = _shaping(config)
    for other in sorted(folder.parent.glob(f"{name}-*")) if name and not set(name) & set("[*?") else []:
        record = RunRecord.read(other) or RunRecord()
        epochs, finished = record.epochs, record.status == "finished"
        if other == folder or not finished or epochs is None or epochs >= config["epochs"]:
            continue
        try:
            theirs = parse_yaml(read_text(other / "config.yaml", 2**22))
        except (OSError, ValueError):
            continue
        if isinstance(theirs, dict) and _shaping(theirs) == settings:
            log.info(
                "%s was trained with the same settings for %s epoch%s; another number has another schedule, so this "
                "run starts anew. To start from its weights: %s",
                other,
                epochs,
                "s" * (epochs != 1),
                shlex.quote(f"weights={other}"),
            )
            return


def _shaping(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what shapes a result, but for the number of epochs."""
    return {key: value for key, value in config.items() if key != "epochs" and shapes_result(key) and key != "trainer"}
