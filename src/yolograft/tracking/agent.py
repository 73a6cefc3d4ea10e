"""What a W&B sweep's agent logs of a run that was finished before it was proposed again."""

import os
from dataclasses import replace

from yolograft.common.metrics import METRICS
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.tracking.base import TrackedRun
from yolograft.tracking.loggers import check_logger, open_logger


def tell_agent(spec: RunSpec, record: RunRecord) -> None:
    """Give the W&B run that an agent has begun the results of the finished run; without an agent, do nothing.

    A sweep's controller may propose the same values twice, and from a W&B run without a metric it would learn nothing.

    Args:
        spec: The run.
        record: Its record.

    Raises:
        UserError: W&B cannot be used as the config asks.
    """
    settings = spec.config["logger"]
    if not os.environ.get("WANDB_SWEEP_ID") or settings["kind"] != "wandb":
        return
    check_logger(settings)
    run = TrackedRun.of(spec)
    logger = open_logger(settings, replace(run, name=f"{run.name} (finished already)"))
    if logger is None:
        return
    found = {f"metrics/{name}": value for name in METRICS if (value := record.measured(name)) is not None}
    epoch = record.best_epoch or 0
    logger.log_metrics({"epoch": epoch, **found}, epoch)
    logger.close("finished", record)
