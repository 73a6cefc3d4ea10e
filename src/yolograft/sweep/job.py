"""One run in the process that it was given to: its folder, its log and Hydra's own files, then the training."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from yolograft.common.log_setup import logged
from yolograft.runs.spec import HydraJob, RunSpec
from yolograft.sweep.overview import place
from yolograft.training.start import Ended, start


def train_job(spec: RunSpec, *, sweep: bool, made: bool = False, prefix: str = "") -> Ended:
    """Train a run as its command line says; what fails, fails in this run alone.

    Args:
        spec: The run.
        sweep: Whether it is one of several; then it has a process of its own unless `isolate=false`.
        made: Whether its folder is made for it; see `start`.
        prefix: Stands before every line that it shows on the terminal.

    Returns:
        How it ended.

    Raises:
        StoppedError: After Ctrl-C or SIGTERM.
    """
    spec = replace(spec, folder=spec.folder.absolute())
    shown = place(spec.folder) if sweep else ""
    with _set_up(spec, prefix) as logs:
        if sweep and spec.config["isolate"]:
            from yolograft.sweep.isolation import run_isolated

            return Ended(run_isolated(spec, logs, place=shown))
        return start(spec, sweep=sweep, place=shown, made=made)


@contextlib.contextmanager
def _set_up(spec: RunSpec, prefix: str) -> Iterator[dict[str, Any]]:
    """Make a run's folder with Hydra's files, and log, set variables and change the folder as Hydra's keys say.

    Yields:
        How the process logs, for a process that it starts.
    """
    spec.folder.mkdir(parents=True, exist_ok=True)
    if (job := spec.hydra) is None:
        yield {}
        return
    logs = _with_prefix(job.logging, prefix)
    folder = spec.folder if job.hydra["job"]["chdir"] else None
    with environment(job.environment), working_folder(folder), logged(logs):
        _write_hydra_files(spec, job)
        yield logs


def _write_hydra_files(spec: RunSpec, job: HydraJob) -> None:
    """Write `.hydra/`, as Hydra does for its own jobs."""
    if (name := job.hydra.get("output_subdir")) is None:
        return
    folder = spec.folder / str(name)
    folder.mkdir(parents=True, exist_ok=True)
    numbered = {} if spec.number is None else {"num": spec.number, "id": str(spec.number)}
    hydra = {**job.hydra, "job": {**job.hydra["job"], **numbered}}
    contents: dict[str, Any] = {"config": job.config, "hydra": {"hydra": hydra}, "overrides": spec.overrides}
    for file, content in contents.items():
        (folder / f"{file}.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(content)), encoding="utf-8")


def _with_prefix(logs: dict[str, Any], prefix: str) -> dict[str, Any]:
    plain = logs.get("formatters", {}).get("plain")
    if not prefix or not plain:
        return logs
    formatters = {**logs["formatters"], "plain": {**plain, "format": f"{prefix}%(message)s"}}
    return {**logs, "formatters": formatters}


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside; afterwards they are as before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def working_folder(folder: Path | None) -> Iterator[None]:
    """Work in a folder inside; None changes nothing."""
    if folder is None:
        yield
        return
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
