"""NCNN on the CPU."""

from pathlib import Path

import ncnn
import numpy as np
import torch
from torch import Tensor

from yolograft.evaluation.captured import captured
from yolograft.evaluation.runtimes.base import Runtime


class Ncnn(Runtime):
    """A network of NCNN, which takes images one by one."""

    title = "NCNN"

    def load(self, source: Path, threads: int, exact: bool) -> None:
        """Load the only network in the folder."""
        self.net = ncnn.Net()
        self.net.opt.use_vulkan_compute = False
        self.net.opt.num_threads = threads
        if exact:
            for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
                setattr(self.net.opt, option, False)
        param = next(source.glob("*.param"))
        with captured() as log:  # NCNN advises on every layer
            failed = self.net.load_param(str(param)) or self.net.load_model(str(param.with_suffix(".bin")))
            log.seek(0)
            said = log.read().decode(errors="replace").splitlines()
        if failed:
            why = "; ".join(line for line in said if "failed" in line) or "loading failed"
            raise ValueError(f"its converter does not know layers of this model ({why}); choose another format")

    def __call__(self, images: Tensor) -> Tensor:
        """Run one batch, image by image."""
        return torch.from_numpy(np.stack([self._one(image) for image in images.numpy()]))

    def _one(self, image: np.ndarray) -> np.ndarray:
        with self.net.create_extractor() as extractor:
            extractor.input(self.net.input_names()[0], ncnn.Mat(image))
            _, output = extractor.extract(self.net.output_names()[0])
            return np.array(output)
