"""TensorRT on a CUDA device."""

from pathlib import Path

import torch
from torch import Tensor

from yolograft.evaluation.runtimes.base import Runtime
from yolograft.upstream.exporter import tensorrt_backend


class TensorRt(Runtime):
    """An engine of TensorRT, run by ultralytics' own backend: it replays one captured CUDA graph."""

    title = "TensorRT"

    def load(self, source: Path, threads: int, exact: bool) -> None:
        """Load the engine."""
        self.backend = tensorrt_backend(source, self.device)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Run one batch; the result is a copy, since the engine writes the next one into the same memory."""
        images = images.half() if self.backend.fp16 else images  # it is given addresses, so nothing converts them
        found: Tensor = self.backend(images.contiguous())[0].clone().float()
        return found
