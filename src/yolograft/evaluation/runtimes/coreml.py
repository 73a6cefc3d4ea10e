"""Core ML on macOS."""

from pathlib import Path
from typing import Any

import coremltools
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from yolograft.evaluation.runtimes.base import Runtime


class CoreMl(Runtime):
    """A model of Core ML. One of a fixed size takes images of 8 bits, one by one."""

    title = "Core ML"

    def load(self, source: Path, threads: int, exact: bool) -> None:
        """Load the package; only the CPU computes in float32, while the Neural Engine has float16."""
        units = coremltools.ComputeUnit
        self.model = coremltools.models.MLModel(
            str(source), compute_units=units.CPU_ONLY if exact else units.CPU_AND_NE
        )
        taken = self.model.get_spec().description.input[0]
        self.input, self.takes_arrays = taken.name, taken.type.HasField("multiArrayType")

    def __call__(self, images: Tensor) -> Tensor:
        """Run one batch."""
        if self.takes_arrays:
            return torch.from_numpy(self._predict(images.numpy()))
        pixels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        answers = [self.model.predict({self.input: Image.fromarray(each)}) for each in pixels]
        if "coordinates" not in answers[0]:
            return torch.from_numpy(np.concatenate([self._only(each) for each in answers]))
        return _chosen(answers, images.shape[3], images.shape[2])

    def _predict(self, images: np.ndarray) -> np.ndarray:
        return self._only(self.model.predict({self.input: images}))

    @staticmethod
    def _only(answer: dict[str, Any]) -> np.ndarray:
        (found,) = answer.values()
        return np.asarray(found, np.float32)


def _chosen(answers: list[dict[str, Any]], width: int, height: int) -> Tensor:
    """Return the boxes of a model that holds NMS: it gives their centres and sides, as shares of the image's sides."""
    found = torch.zeros(len(answers), max(len(answer["coordinates"]) for answer in answers), 6)
    for rows, answer in zip(found, answers, strict=True):
        boxes = torch.as_tensor(answer["coordinates"]) * torch.tensor([width, height, width, height])
        centres, halves = boxes[:, :2], boxes[:, 2:] / 2
        scores, classes = torch.as_tensor(answer["confidence"]).max(1)
        rows[: len(boxes)] = torch.cat([centres - halves, centres + halves, scores[:, None], classes[:, None]], 1)
    return found
