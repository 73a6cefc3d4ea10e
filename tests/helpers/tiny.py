"""The smallest training that says something, for tests."""

import json
from pathlib import Path
from typing import Any

TINY = (
    "dataset.train=12",
    "dataset.val=4",
    "dataset.size=64",
    "imgsz=64",
    "batch=4",
    "epochs=2",
    "device=cpu",
    "trainer.threads=1",
    "trainer.precision=fp32",
    "trainer.plots=false",
    "optim=sgd",
    "optim.nbs=4",
)


def record(folder: Path) -> dict[str, Any]:
    """Return a run's run.json."""
    content: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return content
