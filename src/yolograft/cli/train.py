"""`yolograft train`: one run, or with -m a sweep of them."""

import logging
import math
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from yolograft.cli.command_line import CommandLine
from yolograft.common.errors import UserError
from yolograft.common.metrics import METRIC
from yolograft.common.processes import own_names, remove_leftovers
from yolograft.config import search_path
from yolograft.config.locations import conf_dir
from yolograft.runs import resolvers
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec, choices_of
from yolograft.sweep.callback import SweepCallback
from yolograft.sweep.constraint import Dropped, select
from yolograft.sweep.overview import place
from yolograft.sweep.sweeper import GridSweeper
from yolograft.sweep.tracking import say_what_waits
from yolograft.training.start import start
from yolograft.training.stopping import StoppedError, StopRequest, stoppable

log = logging.getLogger(__name__)

# On import, since a launcher's process on another machine gets there without `main`.
search_path.register()
resolvers.register()

_exit_code = 0
_made = False
"""Whether the folder of a single run is made by this command."""


def main(line: CommandLine) -> int:
    """Do what a checked command line asks for, and return the exit code."""
    # From here on, so that nothing that is being started or imported is lost to a signal.
    with stoppable() as stop:
        try:
            return _main(line, stop)
        except StoppedError as stopped:
            if not stopped.said:
                sys.stderr.write(f"yolograft: {stopped}; the same command goes on\n")
            return stopped.exit_code


def _main(line: CommandLine, stop: StopRequest) -> int:
    global _exit_code, _made
    _exit_code = 0
    SweepCallback.reset()
    own_names()
    remove_leftovers()
    jobs, dropped = select(list({job.folder: job for job in line.jobs}.values()))
    stop.check()
    planned = bool(line.jobs) and line.jobs[0].config["plan"]
    if line.sweep or planned:
        from yolograft.sweep.shared import check_shared

        stop.check()
        check_shared(jobs or line.probes, line.launcher)
        stop.check()
    if planned:
        return _plan(line, jobs, dropped)
    if dropped and not jobs:
        job, reason = dropped[0]
        which = f"no run meets it; {job.name}" if line.sweep else "this variant"
        raise UserError(f"constraint={job.config['constraint']}: {which} has {reason}")
    _made = not line.sweep and not any(job.folder.exists() for job in jobs)
    GridSweeper.jobs, GridSweeper.dropped = jobs, dropped
    sys.argv = ["yolograft train", *line.arguments]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")(_task)()
    except BaseException:
        SweepCallback.close()
        raise
    return SweepCallback.close() or _exit_code


def _plan(line: CommandLine, jobs: list[RunSpec], dropped: list[Dropped]) -> int:
    """Show what the command would do."""
    from yolograft.sweep.plan import make_plan
    from yolograft.upstream.training import quiet

    quiet()
    plan = make_plan(jobs, dropped)
    plan.print()
    if line.sweep:
        plan.save(line.jobs[0].folder.parent / "plan.json")
    return 0


def _task(config: DictConfig) -> float:
    """Train one job, and return its mAP50-95; nan where there is none. What fails, fails in its run alone."""
    global _exit_code
    hydra_config = HydraConfig.get()
    sweep = hydra_config.mode == RunMode.MULTIRUN
    folder = Path(hydra_config.runtime.output_dir)
    spec = RunSpec(
        config=resolvers.job_config(config),
        folder=folder,
        choices=choices_of(hydra_config),
        overrides=list(hydra_config.overrides.task),
        group=folder.parent.name if sweep else str(config.project),
    )
    shown = place(folder) if sweep else ""
    if sweep and config.isolate:
        from yolograft.sweep.isolation import run_isolated

        logs: Any = OmegaConf.to_container(hydra_config.job_logging, resolve=True)
        _exit_code = run_isolated(spec, logs, place=shown)
    else:
        try:
            _exit_code = start(spec, sweep=sweep, place=shown, made=_made)
        finally:
            if not sweep:
                say_what_waits(folder)
    record = RunRecord.read(folder)
    found = record.measured(METRIC) if record is not None and not _exit_code else None
    return math.nan if found is None else found
