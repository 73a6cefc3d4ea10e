"""What is done with W&B at the end of a run or sweep: the table, and the command that uploads what waits."""

import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from yolograft.common.files import atomic_write, read_text
from yolograft.common.parsing import parse_json, parse_yaml
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.tracking.wandb_server import upload_command


def log_tables(folder: Path, files: Iterable[Path]) -> None:
    """Log a sweep's tables into a W&B run of job type `report`, where its runs are logged to W&B.

    Args:
        folder: The sweep's folder.
        files: The report's files; every CSV among them is a table.
    """
    settings = _wandb_settings(folder)
    tables = [file for file in files if file.suffix == ".csv"]
    if settings is None or not tables:
        return
    from yolograft.tracking.base import Memory, TrackedRun
    from yolograft.tracking.wandb import WandbLogger

    memory = folder / "wandb" / "yolograft-report.json"
    spec = RunSpec(config={}, folder=folder, choices={}, overrides=[], group=folder.name)
    kept = Memory(_read(memory), lambda content: _write(memory, content))
    run = TrackedRun(spec, f"{folder.name} report", kept)
    logger = WandbLogger(run, settings, job="report")
    for table in tables:
        with table.open(encoding="utf-8", newline="") as stream:
            columns, *rows = list(csv.reader(stream)) or [[]]
        # A column is of numbers or of words: W&B refuses a mixture.
        numeric = [all(_number(row[i]) is not None or not row[i] for row in rows) for i in range(len(columns))]
        values = [[_number(cell) if numeric[i] else cell for i, cell in enumerate(row)] for row in rows]
        logger.log_table(table.stem, columns, values)
    logger.close("finished", RunRecord())


def say_what_waits(folder: Path) -> None:
    """Name the command that uploads what W&B's server has not got; nothing where nothing waits.

    Args:
        folder: A run's folder, or a sweep's.
    """
    if command := upload_command(folder):
        sys.stderr.write(f"Recorded for W&B and not uploaded yet: {command}\n")  # Hydra's logging has ended


def _wandb_settings(folder: Path) -> dict[str, Any] | None:
    """Return the `logger` group of the first run that is logged to W&B."""
    for file in sorted(folder.glob("*/config.yaml")):
        try:
            settings = parse_yaml(read_text(file))["logger"]
            if settings["kind"] == "wandb":
                return dict(settings)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _read(file: Path) -> dict[str, Any]:
    try:
        content = parse_json(read_text(file))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    atomic_write(file, json.dumps(content).encode())
