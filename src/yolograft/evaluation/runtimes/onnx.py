"""ONNX Runtime, on the CPU or CUDA."""

from pathlib import Path

import onnxruntime
import torch
from torch import Tensor

from yolograft.common.errors import UserError
from yolograft.evaluation.runtimes.base import Runtime

_ERROR = 3
"""ONNX Runtime's severity from which it prints."""


class OnnxRuntime(Runtime):
    """A session of ONNX Runtime."""

    title = "ONNX Runtime"

    def load(self, source: Path, threads: int, exact: bool) -> None:
        """Load the file.

        Raises:
            UserError: The device is CUDA, and this ONNX Runtime was built without it.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERROR
        providers: list[object] = ["CPUExecutionProvider"]
        if self.device.type == "cuda":
            if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
                raise UserError("device: this ONNX Runtime has no CUDA; pip install onnxruntime-gpu, or device=cpu")
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": self.device.index or 0}))
        self.session = onnxruntime.InferenceSession(str(source), options, providers=providers)
        taken = self.session.get_inputs()[0]
        self.input, self.half = taken.name, taken.type == "tensor(float16)"
        self.output = self.session.get_outputs()[0].name

    def __call__(self, images: Tensor) -> Tensor:
        """Run one batch; on CUDA images and results stay on the device."""
        binding = self.session.io_binding()
        images = (images.half() if self.half else images).contiguous()
        kind, index, dtype = self.device.type, self.device.index or 0, "float16" if self.half else "float32"
        binding.bind_input(self.input, kind, index, dtype, tuple(images.shape), images.data_ptr())
        binding.bind_output(self.output, kind, index)
        if kind == "cuda":
            torch.cuda.current_stream(self.device).synchronize()  # ONNX Runtime has a stream of its own
        self.session.run_with_iobinding(binding)
        output = binding.get_outputs()[0]
        found = torch.from_dlpack(output) if kind == "cuda" else torch.from_numpy(output.numpy())
        return found.float()
