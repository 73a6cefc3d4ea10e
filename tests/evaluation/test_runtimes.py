"""What a runtime gives for an exported detector is what PyTorch gives for the detector itself."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from helpers.models import build_variant
from yolograft.common.errors import UserError
from yolograft.evaluation import runtimes
from yolograft.evaluation.runtimes import RUNTIMES, load_runtime
from yolograft.upstream.exporter import export

CPU = torch.device("cpu")
LITERT = pytest.param(
    "litert",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif(
            find_spec("litert_torch") is None, reason="litert-torch is not installed: yolograft[litert]"
        ),
    ],
)
EXPORTED = ("torchscript", "onnx", "openvino", "ncnn", LITERT)


@pytest.fixture(scope="module")
def detector() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_variant(backbone="mbv3", neck="gsconv", nc=3, variant="small").eval()


@pytest.mark.parametrize("format", EXPORTED)
def test_exported_detectors_give_the_same_boxes_and_scores(
    detector: torch.nn.Module, format: str, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        expected = detector(images)[0]
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    exported = export(detector, tmp_path, {"format": format, "imgsz": [64, 96], "batch": 1})
    assert exported.path.parent == tmp_path
    assert exported.with_nms is None
    found = load_runtime(format)(exported.path, device=CPU, threads=1)(images)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    after = detector.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())  # a copy is exported


def test_pytorch_is_a_runtime_as_the_others(detector: torch.nn.Module) -> None:
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = detector(images)[0]
    assert torch.equal(load_runtime("pytorch")(detector, device=CPU, threads=1)(images), expected)


@pytest.mark.slow
def test_torch_compile_is_a_runtime_as_the_others(detector: torch.nn.Module) -> None:
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        expected = detector(images)[0]
    found = load_runtime("compile")(detector, device=CPU, threads=1)(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_runtime_that_is_not_installed_is_one_line_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "platform", "darwin")  # where each of them may run
    for name, (package, _) in RUNTIMES.items():
        with pytest.raises(UserError, match=rf"^format={name}: {package} is not installed; pip install \S+$"):
            load_runtime(name)


def test_a_graph_in_float16_is_given_float16(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT16, [1, 3, 4, 4]) for name in ("images", "output0")]
    graph = helper.make_graph([helper.make_node("Neg", ["images"], ["output0"])], "graph", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "a.onnx")
    images = torch.rand(1, 3, 4, 4)
    found = load_runtime("onnx")(tmp_path / "a.onnx", device=CPU, threads=1)(images)
    assert torch.equal(found, -images.half().float())
