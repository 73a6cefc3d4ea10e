"""TorchScript: a traced detector."""

import warnings
from pathlib import Path

import torch
import torchvision  # noqa: F401 - registers the NMS that a file may hold
from torch import Tensor

from yolograft.evaluation.runtimes.base import Runtime


class TorchScript(Runtime):
    """A file that `torch.jit.trace` made."""

    title = "TorchScript"

    def load(self, source: Path, threads: int, exact: bool) -> None:
        """Load the file."""
        with warnings.catch_warnings():  # torch would rather have torch.export, which ultralytics does not write
            warnings.simplefilter("ignore", FutureWarning)
            self.model = torch.jit.load(str(source), map_location=self.device).eval()
        self.dtype = next((p.dtype for p in self.model.parameters()), torch.float32)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Run one batch."""
        output = self.model(images.to(self.dtype))
        found: Tensor = output[0] if isinstance(output, list | tuple) else output
        return found.float()
