"""`yolograft train`: one run, or with -m a sweep of them."""

import logging
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from yolograft.config.locations import conf_dir
from yolograft.config.resolvers import job_config, register
from yolograft.errors import UserError
from yolograft.sweep.callback import SweepCallback
from yolograft.sweep.tracking import say_what_waits

log = logging.getLogger(__name__)

_exit_code = 0


def main(arguments: list[str]) -> int:
    """Run Hydra with a checked command line and return the exit code."""
    global _exit_code
    _exit_code = 0
    register()
    SweepCallback.reset()
    sys.argv = ["yolograft train", *arguments]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")(_task)()
    except BaseException as stopped:  # StoppedError, without importing the training for it
        SweepCallback.close()
        if (code := getattr(stopped, "exit_code", None)) is None:
            raise
        return int(code)
    return SweepCallback.close() or _exit_code


def _task(config: DictConfig) -> float:
    """Train one job. In a sweep its failure stays in its run: the others go on, and the table names it."""
    global _exit_code
    hydra_config = HydraConfig.get()
    sweep = hydra_config.mode == RunMode.MULTIRUN
    folder = Path(hydra_config.runtime.output_dir)
    try:
        return _train(config, folder, sweep)
    except UserError as mistake:
        log.error("yolograft: %s", mistake)
        _exit_code = 2
    except Exception:
        log.exception("%s failed", folder.name)
        _exit_code = 1
    finally:
        if not sweep:
            say_what_waits(folder)
    return float("nan")


def _train(config: DictConfig, folder: Path, sweep: bool) -> float:
    from yolograft.training.train import train

    hydra_config = HydraConfig.get()
    choices = {k: v for k, v in hydra_config.runtime.choices.items() if "/" not in k and isinstance(v, str)}
    group = folder.parent.name if sweep else str(config.project)
    record: dict[str, Any] = train(job_config(config), folder, choices, list(hydra_config.overrides.task), group)
    return float(record["metrics"]["mAP50-95"])
