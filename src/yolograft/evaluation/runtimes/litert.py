"""LiteRT (formerly TensorFlow Lite) on the CPU."""

from pathlib import Path

import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor

from yolograft.evaluation.captured import captured
from yolograft.evaluation.runtimes.base import Runtime


class LiteRt(Runtime):
    """An interpreter of LiteRT, which computes with XNNPACK."""

    title = "LiteRT"

    def load(self, source: Path, threads: int, exact: bool) -> None:
        """Load the file."""
        with captured():  # it says which delegate it has made
            self.interpreter = Interpreter(str(source), num_threads=threads)
            self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]

    def __call__(self, images: Tensor) -> Tensor:
        """Run one batch; boxes in the file are shares of the image's sides, unless it chooses among them itself."""
        self.interpreter.set_tensor(self.input, images.numpy())
        self.interpreter.invoke()
        found: Tensor = torch.from_numpy(self.interpreter.get_tensor(self.output))
        if found.shape[-1] != 6:
            height, width = images.shape[2:]
            found[:, :4] *= torch.tensor([width, height, width, height])[:, None]
        return found
