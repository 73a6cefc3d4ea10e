"""What all runtimes have in common."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor


class Runtime(ABC):
    """A detector, ready to be run on batches of images.

    Args:
        source: What is run: the file or folder that was exported, or the model itself for PyTorch.
        device: Where it computes; another than the CPU only with PyTorch, TorchScript, ONNX Runtime and TensorRT.
        threads: CPU threads of the computation. PyTorch's own are the process's (`torch.set_num_threads`).
        exact: Compute in the precision that the file holds. Else the runtime chooses, as it does by default: OpenVINO
            takes bfloat16 where the processor has it, NCNN float16.

    Attributes:
        title: What a person calls the runtime.
        device: Where images are taken and results given.
    """

    title: ClassVar[str]
    device: torch.device

    def __init__(self, source: Any, *, device: torch.device, threads: int, exact: bool = True) -> None:
        self.device = device
        self.load(source, threads, exact)

    @abstractmethod
    def load(self, source: Any, threads: int, exact: bool) -> None:
        """Load what is run; arguments as of the class."""

    @abstractmethod
    def __call__(self, images: Tensor) -> Tensor:
        """Run one batch.

        Args:
            images: [B, 3, H, W], 0…1, float32, on `device`; of the size and batch that the file was exported for.

        Returns:
            The head's output, [B, 4 + nc, anchors]: centre x, centre y, width, height in pixels, and class scores; from
            a file that holds NMS, [B, boxes, 6]: corners in pixels, confidence, class.
        """
