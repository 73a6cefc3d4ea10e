"""ultralytics' own interface, `YOLO`, around a model that is in memory already.

`YOLO` itself only takes files, and unpickles them: opening a stranger's `.pt` with it executes what the file says.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultralytics import YOLO
from ultralytics.models.yolo.detect.val import DetectionValidator
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import LOGGER, YAML

__all__ = ["YOLO", "DetectionValidator", "MemoryYOLO", "speak", "write_yaml"]


class MemoryYOLO(YOLO):
    """A `YOLO` that is given its model instead of reading it.

    Args:
        model: The model; in evaluation mode and not fused, as `YOLO` has one after opening a file.
        path: The file that it came from; exported files are written beside it, under its name.
        settings: What `YOLO` keeps of a training's settings: `imgsz`, `single_cls`.
    """

    def __init__(self, model: DetectionModel, path: Path, settings: Mapping[str, Any]) -> None:
        self._given = (model, path, settings)  # in a tuple: torch takes no module before its own constructor ran
        super().__init__("in memory", task="detect")
        del self._given

    def _load(self, weights: str, task: str | None = None) -> None:
        """Take the model; stock calls this with the name of a file to read."""
        model, path, settings = self._given
        self.model, self.task = model, model.task
        model.pt_path = self.ckpt_path = self.model_name = str(path)
        # A dictionary, as stock has it after opening a .pt; the exporter reads `imgsz` and `data` from it.
        model.args = {"data": None, "task": self.task, **settings}
        self.overrides = {**model.args, "model": str(path)}


def speak() -> None:
    """Let ultralytics say on the terminal what its users know it to say."""
    for each in (LOGGER, *LOGGER.handlers):
        each.setLevel(logging.INFO)


def write_yaml(file: Path, content: Mapping[str, Any]) -> None:
    """Write a `data.yaml` as ultralytics reads it."""
    YAML.save(file, dict(content))
