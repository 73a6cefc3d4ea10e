"""Runs that are logged to W&B, and what is there of them afterwards."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from yolograft.runs.spec import RunSpec
from yolograft.tracking.base import Memory, TrackedRun
from yolograft.tracking.wandb import WandbLogger

SETTINGS = {"kind": "wandb", "project": "lab", "entity": None, "mode": "auto", "tags": ["mine"], "pictures": 1,
            "weights": False}  # fmt: skip


def tracked(folder: Path, memory: Memory | None = None, name: str = "effv1-b0_gsconv_n_seed0") -> TrackedRun:
    folder.mkdir(exist_ok=True)
    spec = RunSpec(
        {"optim": {"lr0": 0.01}, "seed": 0}, folder, {"backbone": "effv1", "neck": "gsconv"}, [], "backbones"
    )
    return TrackedRun(spec, name, memory or Memory())


def inspected(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a run on disk, read with W&B's own tool."""
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def told(folder: Path) -> dict[str, Any]:
    """Return what W&B's tool says of a run on disk as a whole."""
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(folder)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the logged rows of a run on disk."""
    return [entry["history"]["item"] for entry in inspected(folder) if entry["type"] == "history"]


def the_record(folder: Path) -> Path:
    (found,) = (path for path in (folder / "wandb").glob("*run-*") if path.name != "latest-run")
    return found


def log_epochs(logger: WandbLogger, first: int = 1, last: int = 3) -> None:
    for epoch in range(first, last + 1):
        logger.log_metrics({"epoch": epoch, "metrics/mAP50-95": 0.5 - epoch / 10, "train/box_loss": 1.0}, epoch)
