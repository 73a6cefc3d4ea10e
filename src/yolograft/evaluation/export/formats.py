"""The formats of `yolograft export`, without torch: what each takes, what it needs, and where it can be run.

Options and precisions are those of ultralytics' own table; `tests/upstream/test_exporter.py` compares them.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from yolograft.common.errors import UserError

PRECISIONS = {"fp32": 32, "fp16": 16, "int8": 8, "w8a16": "w8a16", "w8a32": "w8a32"}
"""Values of `quantize=`, and what ultralytics calls them."""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        title: What a person calls it.
        suffix: How its file or folder ends, as ultralytics has it.
        options: Options that it takes beside image size and precision, by ultralytics' names.
        precisions: Keys of `PRECISIONS` that it can hold.
        calibrated: Those of them that training images are needed for.
        packages: What writes and runs it: modules, and the requirement that brings each.
        for_bits: The same for a precision alone, by its key.
        extra: Our extra with these packages.
        system: The only system that runs it, as `sys.platform` calls it, and as a person does; None: any.
        device: The kind of device that it is written and run on, where that is no choice.
        exact: Whether a file in fp32 is computed in float32. TensorRT rounds what it multiplies to TF32 (10 bits).
    """

    title: str
    suffix: str
    options: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("fp32",)
    calibrated: tuple[str, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    for_bits: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    extra: str | None = None
    system: tuple[str, str] | None = None
    device: str | None = None
    exact: bool = True

    def needs(self, quantize: str) -> tuple[tuple[str, str], ...]:
        """Return what writes and runs it in a precision: modules, and the requirement that brings each."""
        return (*self.packages, *self.for_bits.get(quantize, ()))

    @property
    def is_run_here(self) -> bool:
        """Whether this system can run it."""
        return self.system is None or sys.platform == self.system[0]


_ONNX = (("onnx", "onnx"), ("onnxruntime", "onnxruntime"), ("onnxslim", "onnxslim"))
_KMEANS = (("sklearn", "scikit-learn"),)

FORMATS = {
    # ultralytics' own form of weights, which `YOLO("best.pt")` opens
    "pt": Format("PyTorch", ".pt"),
    "torchscript": Format("TorchScript", ".torchscript", ("batch", "nms", "dynamic"), ("fp32", "fp16")),
    "onnx": Format(
        "ONNX",
        ".onnx",
        ("batch", "dynamic", "opset", "simplify", "nms"),
        ("fp32", "fp16", "int8"),
        calibrated=("int8",),
        packages=_ONNX,
        extra="onnx",
    ),
    "openvino": Format(
        "OpenVINO",
        "_openvino_model",
        ("batch", "dynamic", "nms"),
        ("fp32", "fp16", "int8"),
        calibrated=("int8",),
        packages=(("openvino", "openvino"),),
        for_bits={"int8": (("nncf", "nncf"),)},
        extra="openvino",
        device="cpu",
    ),
    # pnnx as ultralytics pins it: networks that a later one writes crash NCNN
    "ncnn": Format(
        "NCNN",
        "_ncnn_model",
        ("batch",),
        ("fp32", "fp16"),
        packages=(("ncnn", "ncnn"), ("pnnx", "pnnx==20260526")),
        extra="ncnn",
        device="cpu",
    ),
    "engine": Format(
        "TensorRT",
        ".engine",
        ("batch", "dynamic", "opset", "simplify", "workspace", "nms"),
        ("fp32", "fp16", "int8"),
        calibrated=("int8",),
        packages=(*_ONNX, ("tensorrt", "tensorrt")),
        extra="engine",
        device="cuda",
        exact=False,
    ),
    "coreml": Format(
        "Core ML",
        ".mlpackage",
        ("batch", "dynamic", "nms"),
        ("fp32", "fp16", "int8", "w8a16"),
        packages=(("coremltools", "coremltools"),),
        for_bits={"int8": _KMEANS, "w8a16": _KMEANS},
        extra="coreml",
        system=("darwin", "macOS"),
        device="cpu",
    ),
    "litert": Format(
        "LiteRT",
        ".tflite",
        ("batch",),
        ("fp32", "int8", "w8a16", "w8a32"),
        calibrated=("int8", "w8a16"),
        packages=(("litert_torch", "litert-torch"), ("ai_edge_litert", "ai-edge-litert")),
        extra="litert",
        device="cpu",
    ),
}
"""By their names in `format=`, which are ultralytics'."""


def refuse_missing(name: str, quantize: str) -> None:
    """Refuse a format whose packages are not installed; nothing is installed without being asked.

    Args:
        name: A key of `FORMATS`.
        quantize: A key of `PRECISIONS`.

    Raises:
        UserError: Naming the first package that is missing, and how to install what is needed.
    """
    form = FORMATS[name]
    for module, requirement in form.needs(quantize):
        package, _, wanted = requirement.partition("==")
        if find_spec(module) is None:
            problem = f"{package} is not installed"
        elif wanted and (found := _version(package)) != wanted:
            problem = f"{package} {found} is installed, {wanted} is needed"
        else:
            continue
        raise UserError(f"format={name}: {problem}; pip install 'yolograft[{form.extra}]'")


def refuse_options(name: str, quantize: str, device: int | str, given: Sequence[str]) -> None:
    """Refuse what a format does not take.

    Args:
        name: A key of `FORMATS`.
        quantize: A key of `PRECISIONS`.
        device: As of `compute.devices.resolve`.
        given: Options that were set.

    Raises:
        ValueError: Naming the option, and what the format takes.
    """
    form = FORMATS[name]
    for option in given:
        if option not in form.options:
            takes = ", ".join(form.options) or "no options"
            raise ValueError(f"{option}: format={name} does not take it; it takes {takes}")
    if quantize not in form.precisions:
        raise ValueError(f"quantize={quantize}: format={name} can be {', '.join(form.precisions)}")
    on_cpu = device in ("cpu", "mps")
    if device != "auto" and form.device and on_cpu != (form.device == "cpu"):
        raise ValueError(f"device={device}: format={name} is written and run on {form.device} only; use device=auto")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of an unknown version"
