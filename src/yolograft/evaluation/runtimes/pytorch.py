"""PyTorch itself, as it is and through torch.compile."""

from typing import Any

import torch
from torch import Tensor, nn

from yolograft.evaluation.runtimes.base import Runtime


class PyTorch(Runtime):
    """A detector in evaluation mode."""

    title = "PyTorch"

    def load(self, source: nn.Module, threads: int, exact: bool) -> None:
        """Move the detector to the device."""
        self.model = source.to(self.device).eval()
        self.run: Any = self.model

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Run one batch."""
        output = self.run(images)
        found: Tensor = output[0] if isinstance(output, list | tuple) else output
        return found


class Compiled(PyTorch):
    """A detector compiled by TorchInductor, for each size of images at its first batch."""

    title = "torch.compile"

    def load(self, source: nn.Module, threads: int, exact: bool) -> None:
        """Have the detector compiled when it is run first."""
        super().load(source, threads, exact)
        self.run = torch.compile(self.model)
