"""What a W&B sweep's agent is told of a run that was finished before it was proposed again."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from yolograft.common.metrics import METRICS
from yolograft.runs.spec import RunSpec
from yolograft.tracking import check_logger, open_logger
from yolograft.tracking.base import Tracked


def tell_agent(spec: RunSpec, record: Mapping[str, Any]) -> None:
    """Give the W&B run that an agent has begun the results of the finished run; without an agent, do nothing.

    A sweep's controller may propose the same values twice, and a W&B run without a metric would tell it nothing.

    Args:
        spec: The run.
        record: The content of its run.json.

    Raises:
        UserError: W&B cannot be used as the config asks.
    """
    if not os.environ.get("WANDB_SWEEP_ID") or spec.config["logger"]["kind"] != "wandb":
        return
    check_logger(spec.config["logger"])
    run = Tracked.of(spec)
    logger = open_logger(spec.config["logger"], replace(run, name=f"{run.name} (finished already)"))
    assert logger is not None
    found = {f"metrics/{name}": record["metrics"][name] for name in METRICS if name in record["metrics"]}
    logger.log_metrics({"epoch": record["best_epoch"], **found}, record["best_epoch"])
    logger.close("finished", record)
