"""What a W&B sweep's agent is told of a run that was finished before it was proposed again."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from yolograft.tracking import check_logger, open_logger
from yolograft.tracking.base import METRICS, Tracked


def tell_agent(config: Mapping[str, Any], folder: Path, record: Mapping[str, Any], group: str) -> None:
    """Give the W&B run that an agent has begun the results of the finished run; without an agent, do nothing.

    A sweep's controller may propose the same values twice, and a W&B run without a metric would tell it nothing.

    Args:
        config: The resolved config.
        folder: The run's folder.
        record: The content of its run.json.
        group: The sweep's name, or the project of a single run.

    Raises:
        UserError: W&B cannot be used as the config asks.
    """
    if not os.environ.get("WANDB_SWEEP_ID") or config["logger"]["kind"] != "wandb":
        return
    check_logger(config["logger"])
    run = Tracked.of(config, folder, record, group)
    logger = open_logger(config["logger"], replace(run, name=f"{run.name} (finished already)"))
    assert logger is not None
    found = {f"metrics/{name}": record["metrics"][name] for name in METRICS if name in record["metrics"]}
    logger.log_metrics({"epoch": record["best_epoch"], **found}, record["best_epoch"])
    logger.close("finished", record)
