"""`yolograft export` of a detector that finds something: mAP, folding, 8 bits, and boxes that are not PyTorch's."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from ultralytics import YOLO

from helpers.fitted import SIZE, fitted_weights
from yolograft.cli.main import main
from yolograft.common.errors import UserError
from yolograft.common.metrics import METRIC
from yolograft.evaluation.export.export import export
from yolograft.evaluation.export.request import Request
from yolograft.evaluation.runtimes.torchscript import TorchScript
from yolograft.model.weights import load_detector


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights of a variant with parts that are not ultralytics'."""
    return fitted_weights(tmp_path_factory.mktemp("fitted") / "best.safetensors", neck="gsconv")


def exported(weights: Path, folder: Path, *words: str, code: int = 0) -> tuple[list[dict[str, Any]], list[str]]:
    """Run the command; return the record, and the names of all that lies in the folder."""
    assert main(["export", f"run={weights}", f"output={folder}", "workers=0", *words]) == code
    record = json.loads((folder / "exports.json").read_text(encoding="utf-8"))
    return record["exports"], sorted(path.name for path in folder.iterdir())


def test_an_exported_file_gives_the_boxes_and_map_of_pytorch(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (made,), names = exported(weights, tmp_path, "format=onnx")
    out = capsys.readouterr().out
    assert names == ["best.onnx", "exports.json"]
    assert made["status"] == "good"
    assert made["images"] == 8
    assert made["boxes"] < 1e-3
    assert made["pytorch"][METRIC] > 0.01  # else equal mAP would say nothing
    assert made["metrics"][METRIC] == pytest.approx(made["pytorch"][METRIC], abs=2e-3)
    assert f"{METRIC} {made['metrics'][METRIC]:.4f}, in PyTorch {made['pytorch'][METRIC]:.4f}" in out

    import onnx

    graph = onnx.load(tmp_path / "best.onnx").graph
    assert not [node for node in graph.node if node.op_type == "BatchNormalization"]
    before = (tmp_path / "best.onnx").stat().st_mtime_ns
    again, _ = exported(weights, tmp_path, "format=onnx")
    assert again == [made]
    assert (tmp_path / "best.onnx").stat().st_mtime_ns == before  # done before: not written again


def test_a_file_that_gives_other_boxes_is_refused(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TorchScript.__call__
    monkeypatch.setattr(TorchScript, "__call__", lambda self, images: run(self, images) * 1.01)
    (made,), names = exported(weights, tmp_path, "format=torchscript", code=1)
    assert names == ["best_refused.torchscript", "exports.json"]
    assert made["status"] == "refused"
    assert "refused: boxes differ from PyTorch's by up to" in capsys.readouterr().out


def test_a_checkpoint_opens_in_ultralytics(weights: Path, tmp_path: Path) -> None:
    (made,), names = exported(weights, tmp_path, "format=pt", "images=2")
    assert names == ["best.pt", "exports.json"]
    assert (made["status"], made["images"], made["boxes"]) == ("good", 2, 0)
    images = torch.rand(1, 3, SIZE, SIZE)
    with torch.inference_mode():
        found = YOLO(tmp_path / "best.pt").model.eval()(images)[0]
        assert torch.equal(found, load_detector(weights)[0].eval()(images)[0])


@pytest.mark.slow
@pytest.mark.parametrize("neck", ["conv", "gsconv", "slim"])
@pytest.mark.parametrize("backbone", ["yolo11", "effv1", "effv2", "mbv3", "timm"])
def test_every_classic_composition_gives_the_same_in_every_runtime(backbone: str, neck: str, tmp_path: Path) -> None:
    weights = fitted_weights(tmp_path / "best.safetensors", backbone=backbone, neck=neck)
    for form in ["onnx", *(["openvino", "torchscript", "ncnn"] if neck == "gsconv" else [])]:
        (made,), _ = exported(weights, tmp_path / form, f"format={form}")
        assert made["status"] == "good", made["reason"]
        assert made["boxes"] < 1e-3
        assert made["pytorch"][METRIC] > 0.01
        assert made["metrics"][METRIC] == pytest.approx(made["pytorch"][METRIC], abs=2e-3)


@pytest.mark.slow
def test_ncnn_runs_convnext_and_refuses_in_one_line_what_it_cannot(tmp_path: Path) -> None:
    weights = fitted_weights(tmp_path / "best.safetensors", backbone="convnextv2")
    (made,), _ = exported(weights, tmp_path / "good", "format=ncnn")
    assert made["status"] == "good", made["reason"]
    weights = fitted_weights(tmp_path / "best.safetensors", steps=1, backbone="edgenext")
    with pytest.raises(UserError, match=r"^format=ncnn: NCNN cannot run the file: its converter does not know layers"):
        export(weights, Request("ncnn", workers=0, dataset={"check": "warn"}), print)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["yolo11", "effv1"])
def test_litert_gives_the_boxes_and_map_of_pytorch(backbone: str, tmp_path: Path) -> None:
    pytest.importorskip("litert_torch", reason="needs yolograft[litert]")
    weights = fitted_weights(tmp_path / "best.safetensors", backbone=backbone, neck="gsconv")
    (made,), names = exported(weights, tmp_path / "made", "format=litert")
    assert names == ["best.tflite", "exports.json"]
    assert (made["status"], made["images"]) == ("good", 8)
    assert made["boxes"] < 1e-3
    assert made["pytorch"][METRIC] > 0.01
    assert made["metrics"][METRIC] == pytest.approx(made["pytorch"][METRIC], abs=2e-3)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="runs there")
def test_core_ml_is_written_and_not_run_here(weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("coremltools", reason="needs yolograft[coreml]")
    (made,), names = exported(weights, tmp_path, "format=coreml")
    assert names == ["best.mlpackage", "exports.json"]
    assert (made["status"], made["reason"], made["metrics"]) == ("not run", "Core ML runs on macOS only", {})


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_eight_bits_are_calibrated_on_training_images_and_judged_by_map(
    format: str, weights: Path, tmp_path: Path
) -> None:
    (full,), _ = exported(weights, tmp_path / "full", f"format={format}")
    (made,), _ = exported(weights, tmp_path, f"format={format}", "quantize=int8", "max_loss=1")
    assert made["status"] == "good"
    assert made["size"] < 0.5 * full["size"]
    assert made["metrics"][METRIC] != made["pytorch"][METRIC]
