"""Runtimes that an exported detector is run by: one class for each format, chosen by its name in `RUNTIMES`.

They run what they are given. A file of TorchScript, ONNX or OpenVINO can name other files and operators, so nothing
that was found on a disk is given to them: `yolograft export` and `bench` only run what they have just written.
"""

from importlib import import_module
from importlib.util import find_spec

from yolograft.common.errors import UserError
from yolograft.evaluation.export.formats import FORMATS
from yolograft.evaluation.runtimes.base import Runtime

RUNTIMES = {
    "pytorch": ("torch", "pytorch.PyTorch"),
    "compile": ("torch", "pytorch.Compiled"),
    "torchscript": ("torch", "torchscript.TorchScript"),
    "onnx": ("onnxruntime", "onnx.OnnxRuntime"),
    "openvino": ("openvino", "openvino.OpenVino"),
    "ncnn": ("ncnn", "ncnn.Ncnn"),
    "engine": ("tensorrt", "tensorrt.TensorRt"),
    "coreml": ("coremltools", "coreml.CoreMl"),
    "litert": ("ai_edge_litert", "litert.LiteRt"),
}
"""For each format the package that runs it, and its class in this package."""


def load_runtime(format: str) -> type[Runtime]:
    """Return the class that runs a format.

    Args:
        format: A key of `RUNTIMES`.

    Raises:
        UserError: Its package is not installed, or this system cannot run it.
    """
    package, path = RUNTIMES[format]
    form = FORMATS.get(format)
    if form and form.system and not form.is_run_here:
        raise UserError(f"format={format}: {form.title} runs on {form.system[1]} only")
    if find_spec(package) is None:
        wanted = f"'yolograft[{form.extra}]'" if form and form.extra else package
        raise UserError(f"format={format}: {package} is not installed; pip install {wanted}")
    module, _, name = path.partition(".")
    found: type[Runtime] = getattr(import_module(f"{__name__}.{module}"), name)
    return found
