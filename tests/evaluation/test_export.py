"""`yolograft export`: the file is written, run and judged, and nothing of anybody else's is touched."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from timm.layers.grn import GlobalResponseNorm

from helpers.program import Program
from yolograft.cli.command_line import check_command_line
from yolograft.cli.export import main
from yolograft.common.errors import UserError
from yolograft.compute import presence
from yolograft.evaluation.export import export as exporting
from yolograft.evaluation.export import formats
from yolograft.evaluation.export.for_ncnn import for_ncnn
from yolograft.evaluation.export.formats import FORMATS, refuse_missing
from yolograft.evaluation.export.place import Place
from yolograft.evaluation.export.request import Request
from yolograft.evaluation.export.verify import Comparison, judge
from yolograft.model.weights import load_detector
from yolograft.upstream.exporter import ExportedModel

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(weights: Path, tmp_path: Path) -> Path:
    """Return a run's folder of its own."""
    folder = tmp_path / "run"
    shutil.copytree(weights.parent, folder / "checkpoints")
    (folder / "run.json").write_text('{"status": "finished"}')
    return folder


def export(*words: str) -> int:
    return main(check_command_line("export", list(words)))


def recorded(run: Path) -> dict[str, Any]:
    return {each["label"]: each for each in json.loads((run / "exports" / "exports.json").read_text())["exports"]}


@pytest.mark.parametrize("format", ["onnx", "openvino", "torchscript", "ncnn", "pt"])
def test_a_file_is_run_and_gives_pytorchs_boxes(run: Path, format: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = export(f"run={run}", f"format={format}")
    told, made = capsys.readouterr().out, recorded(run)[format]
    assert made["status"] == "good", made
    assert code == 0
    assert made["boxes"] <= 1e-3
    assert made["images"] == 6
    assert abs(made["metrics"]["mAP50-95"] - made["pytorch"]["mAP50-95"]) <= 0.002
    file = run / "exports" / made["file"]
    assert str(file) in told
    assert "good; on 6 images" in told
    assert [path.name for path in (run / "exports").iterdir() if path.name[0] == "."] == []
    before = file.stat().st_mtime_ns
    assert export(f"run={run}", f"format={format}") == 0  # done before
    assert file.stat().st_mtime_ns == before


def test_what_ncnns_converter_does_not_know_is_refused_by_name(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(*_: object) -> None:
        compile("x = 1\nv_17 = aten::addcmul(v_13, v_14)", "model_pnnx.py", "exec")

    monkeypatch.setattr(exporting, "export_upstream", convert)
    with pytest.raises(UserError, match=r"^format=ncnn: its converter cannot .* model: v_17 = aten::addcmul\(v_13"):
        export(f"run={run}", "format=ncnn")


def test_convnexts_norm_is_the_same_in_ncnns_terms() -> None:
    torch.manual_seed(0)
    for last in (True, False):
        layer = GlobalResponseNorm(6, channels_last=last)
        torch.nn.init.normal_(layer.weight)
        torch.nn.init.normal_(layer.bias)
        model: Any = torch.nn.Sequential(layer)
        x = torch.randn(2, 6, 6, 6)
        replaced = for_ncnn(model)
        assert type(replaced[0]) is not GlobalResponseNorm
        assert type(model[0]) is GlobalResponseNorm
        torch.testing.assert_close(replaced(x), model(x))


def test_a_pt_is_the_detector(run: Path) -> None:
    assert export(f"run={run}", "format=pt", "verify=false") == 0
    assert recorded(run)["pt"]["status"] == "not run"
    ours, _ = load_detector(run / "checkpoints" / "best.safetensors")
    theirs, _ = load_detector(run / "exports" / "best.pt")
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(ours(image)[0], theirs(image)[0])


def test_what_lies_there_is_not_overwritten(run: Path) -> None:
    (run / "exports").mkdir()
    (run / "exports" / "best.torchscript").write_text("mine")
    with pytest.raises(UserError, match=r"best\.torchscript: lies where the export would"):
        export(f"run={run}", "format=torchscript")
    assert (run / "exports" / "best.torchscript").read_text() == "mine"


def test_what_is_not_as_good_is_refused() -> None:
    same = {"mAP50-95": 0.5}
    assert judge(Comparison(6, 1e-6, 1e-6, same, same), True, 0.002) == ("good", None)
    status, reason = judge(Comparison(6, 2e-3, 1e-6, same, same), True, 0.002)
    assert (status, reason) == ("refused", "boxes differ from PyTorch's by up to 0.002, more than 0.001")
    worse = Comparison(6, 1.0, 1.0, {"mAP50-95": 0.45}, same)
    assert judge(worse, False, 0.02)[0] == "refused"
    assert judge(worse, False, 0.06) == ("good", None)
    assert judge(Comparison(6, float("nan"), 0.0, same, same), True, 1.0)[0] == "refused"
    nothing = {"mAP50-95": 0.0}
    assert judge(Comparison(6, 1.0, 1.0, nothing, nothing), False, 0.02)[0] == "refused"


def _write_a_package(model: Any, folder: Path, options: Any, calibration: Any) -> ExportedModel:
    (folder / "best.mlpackage").mkdir()
    (folder / "best.mlpackage" / "model").write_text("weights")
    return ExportedModel(folder / "best.mlpackage", end2end=False)


def test_what_cannot_be_run_here_is_written_and_not_called_good(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("yolograft.cli.export.refuse_missing", lambda *_: None)
    monkeypatch.setattr("yolograft.evaluation.export.export.export_upstream", _write_a_package)
    monkeypatch.setattr(sys, "platform", "linux")
    assert export(f"run={run}", "format=coreml", "imgsz=64") == 0
    (made,) = recorded(run).values()
    assert (made["status"], made["reason"]) == ("not run", "Core ML runs on macOS only")
    assert "written, not run here: Core ML runs on macOS only" in capsys.readouterr().out
    request, sha256 = Request("coreml", imgsz=64), made["weights_sha256"]
    place = Place(run / "checkpoints" / "best.safetensors", request)
    assert place.done(sha256) is not None
    monkeypatch.setattr(sys, "platform", "darwin")
    assert place.done(sha256) is None  # a Mac runs it


def test_without_a_gpu_tensorrt_is_refused_at_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "_no_cuda", lambda: True)
    before = sorted(run.rglob("*"))
    with pytest.raises(UserError, match=r"^format=engine: TensorRT needs an NVIDIA GPU, and there is none here"):
        export(f"run={run}", "format=engine")
    assert sorted(run.rglob("*")) == before


def test_a_missing_package_names_an_extra_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for name, form in FORMATS.items():
        for precision in form.precisions:
            for _, requirement in form.needs(precision):
                package = requirement.partition("==")[0]
                assert form.extra in extras
                listed = extras[form.extra] + extras["onnx"] * ("yolograft[onnx]" in extras[form.extra])
                assert [each for each in listed if re.split(r"[<>=\[]", each)[0] == package], (name, package)
        if form.packages:
            first = form.packages[0][1].partition("==")[0]
            told = rf"^format={name}: {first} is not installed; pip install 'yolograft\[{form.extra}\]'$"
            with pytest.raises(UserError, match=told):
                refuse_missing(name, "fp32")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["format=onxx"], "format=onxx"),
        (["run=r", "sweep=s", "format=onnx"], "run, sweep: say one of them"),
        (["run=r", "format=ncnn", "opset=12"], "opset: format=ncnn does not take it; it takes batch"),
        (["run=r", "format=torchscript", "quantize=int8"], "quantize=int8: format=torchscript can be fp32, fp16"),
        (["run=nowhere", "format=torchscript"], "run=nowhere"),
        (["run=r", "format=engine", "device=cpu"], "is written and run on cuda only"),
    ],
)
def test_a_slip_is_refused_in_one_line(yolograft: Program, words: list[str], said: str) -> None:
    done = yolograft("export", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
