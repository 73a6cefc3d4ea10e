"""OpenVINO on the CPU."""

from pathlib import Path

import openvino
import torch
from torch import Tensor

from yolograft.evaluation.runtimes.base import Runtime


class OpenVino(Runtime):
    """A compiled OpenVINO model."""

    title = "OpenVINO"

    def load(self, source: Path, threads: int, exact: bool) -> None:
        """Compile the only model in the folder for low latency, as ultralytics does."""
        config: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
        if exact:
            config["INFERENCE_PRECISION_HINT"] = openvino.Type.f32
        model = next(source.glob("*.xml"))
        self.model = openvino.Core().compile_model(str(model), "CPU", config)

    def __call__(self, images: Tensor) -> Tensor:
        """Run one batch."""
        return torch.from_numpy(self.model(images.numpy())[0])
