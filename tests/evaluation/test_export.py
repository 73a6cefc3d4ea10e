"""`yolograft export`: the files it writes, what it finds when it runs them, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from ultralytics import YOLO

from helpers.fitted import SIZE, fitted_weights
from yolograft.cli.command_line import check_command_line
from yolograft.cli.main import main
from yolograft.common.errors import UserError
from yolograft.common.metrics import METRIC
from yolograft.evaluation.export.verify import Comparison, judge
from yolograft.evaluation.runtimes.torchscript import TorchScript
from yolograft.model.weights import load_detector
from yolograft.runs.exports import read_exports


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


def test_a_file_that_is_no_export_is_not_written_over(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "best.torchscript").write_bytes(b"mine")
    assert main(["export", f"run={weights}", f"output={tmp_path}", "format=torchscript"]) == 2
    assert "was not written by one" in capsys.readouterr().err
    assert (tmp_path / "best.torchscript").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 1


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
@pytest.mark.parametrize("format", ["torchscript", "openvino", "ncnn"])
def test_other_formats_give_the_boxes_of_pytorch(format: str, weights: Path, tmp_path: Path) -> None:
    (made,), _ = exported(weights, tmp_path, f"format={format}")
    assert made["status"] == "good"
    assert made["boxes"] < 1e-3


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


def test_eight_bits_are_refused_above_the_loss() -> None:
    def found(of_file: float, of_pytorch: float) -> Comparison:
        return Comparison(8, 0.1, 0.1, {METRIC: of_file}, {METRIC: of_pytorch})

    assert judge(found(0.49, 0.5), "int8", 0.02) == ("good", None)
    status, reason = judge(found(0.47, 0.5), "int8", 0.02)
    assert (status, reason) == ("refused", f"loses 0.0300 of PyTorch's {METRIC} 0.5000; max_loss=0.02")
    assert judge(found(0.0, 0.0), "int8", 0.02)[0] == "refused"  # nothing is known of it
    assert judge(found(0.5, 0.5), "fp32", 0.02)[0] == "refused"  # boxes
    assert judge(Comparison(8, float("nan"), 0.0, {METRIC: 0.5}, {METRIC: 0.5}), "fp32", 0.02)[0] == "refused"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run=a", "sweep=b", "format=onnx"], "run, sweep: say one of them"),
        (["format=onnx"], "run, sweep: say one of them"),
        (["run=a", "format=pt", "nms=true"], "nms: format=pt does not take it"),
        (["run=a", "format=ncnn", "quantize=int8"], "format=ncnn can be fp32, fp16"),
        (["run=a", "format=openvino", "device=cuda"], "is written and run on cpu only"),
        (["run=a", "format=onx"], "format"),
        (["run=a", "format=onnx", "max_loss=-1"], "max_loss"),
    ],
)
def test_what_cannot_be_is_refused_at_once(words: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        check_command_line("export", words)


@pytest.mark.parametrize(
    "content",
    ["[", "[]", '{"exports": 1}', '{"exports": [{"file": "../../x", "label": "onnx", "status": "good"}]}', "[" * 10**5],
)
def test_a_strangers_record_names_no_file_elsewhere(content: str, tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "exports.json").write_text(content, encoding="utf-8")
    assert read_exports(tmp_path) == []
