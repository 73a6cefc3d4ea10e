"""`yolograft bench`: what it measures, where it keeps it, and when it refuses to."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch

from helpers.made_runs import WriteRun
from helpers.models import make_spec
from helpers.program import Program
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import compare
from yolograft.cli.bench import Format
from yolograft.cli.command_line import check_command_line
from yolograft.cli.main import main
from yolograft.common.errors import UserError
from yolograft.compute import load
from yolograft.evaluation.bench import bench as measuring
from yolograft.model.detector import build_detector
from yolograft.model.weights import save_detector
from yolograft.render.bench import TITLES
from yolograft.runs.bench_file import read_bench

SMALL = ("imgsz=64", "rounds=8", "warmup=1", "threads=1", "memory=false")


@pytest.fixture
def busy() -> Iterator[None]:
    """A process that keeps a processor busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    process.kill()
    process.wait()


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else runs, as far as the meter says."""
    monkeypatch.setattr(measuring, "others", lambda: (0.0, ""))
    monkeypatch.setattr(load.LoadMeter, "read", lambda self: 0.0)


def test_a_busy_machine_is_said_to_be_busy(
    busy: None,
    yolograft: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "-m", "neck=conv,gsconv", *SMALL]) == 2
    refused = capsys.readouterr().err
    assert refused.startswith("yolograft: this machine is busy: others use ")
    assert "loaded=true" in refused.splitlines()[-1]
    assert not (tmp_path / "runs").exists()

    told = yolograft("bench", "-m", "neck=conv,gsconv", *SMALL, "memory=true", "loaded=true", "format=json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    (cell,) = answer["cells"]
    assert cell["loaded"]
    assert cell["ranked"]
    assert cell["load_before"] > cell["load_limit"]
    assert {one["name"] for one in cell["variants"]} == {"conv", "gsconv"}
    for one in cell["variants"]:
        assert one["low_ms"] <= one["median_ms"] <= one["high_ms"]
        assert one["median_ms"] <= one["p90_ms"]
        assert one["images_per_second"] == pytest.approx(1e3 / one["median_ms"])
        assert one["memory"] > one["params"] * 2  # bytes of weights in float32, and more
    (kept,) = read_bench((tmp_path / answer["file"]).parent)
    assert [len(subject.times) for subject in kept.subjects] == [8, 8]


def test_load_that_comes_later_ranks_nothing(
    quiet: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(load.LoadMeter, "read", lambda self: 1.5)
    assert main(["bench", "-m", "neck=conv,gsconv", *SMALL, f"out={tmp_path / 'kept'}"]) == 0
    said = capsys.readouterr().out
    assert "The machine was busy: others used 1.50 of its processors" in said
    assert "nothing is ranked; loaded=true" in said
    lines = [line.split() for line in said.splitlines() if "conv" in line]
    assert [line[0] for line in lines] == ["conv", "gsconv"]  # as given, without a place before it


def write_weights(folder: Path, **choices: str) -> None:
    torch.manual_seed(0)
    save_detector(build_detector(replace(make_spec(nc=2, **choices))), folder / "checkpoints" / "best.safetensors")


def test_a_sweep_is_measured_once_for_each_variant_and_its_report_shows_it(
    quiet: None,
    write_run: WriteRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sweep = tmp_path / "multirun" / "two"
    for name, backbone, fields in (
        ("a0", "yolo11", {}),
        ("a1", "yolo11", {"seed": 1}),
        ("b", "effv1", {}),
        ("c", "mbv3", {"status": "failed"}),
    ):
        write_weights(write_run(sweep / name, backbone, **fields), backbone=backbone)
    monkeypatch.chdir(tmp_path)
    assert main(["bench", f"sweep={sweep}", *SMALL, "batch=[1,2]"]) == 0
    cells = read_bench(sweep)
    assert [(cell.batch, [(one.name, one.run) for one in cell.subjects]) for cell in cells] == [
        (batch, [("yolo11", "a0"), ("effv1", "b")]) for batch in (1, 2)
    ]
    folded = cells[0].subjects[1]
    assert folded.params
    assert folded.params < sum(p.numel() for p in build_detector(make_spec(nc=2, backbone="effv1")).parameters())
    assert "batch norms folded" in capsys.readouterr().out
    rows = compare(collect([sweep])).rows
    assert {row.variant.label for row in rows if row.latency} == {"effv1", "yolo11"}

    assert main(["bench", str(sweep / "b"), *SMALL, "imgsz=96"]) == 0
    assert [(cell.imgsz, cell.subjects[0].run) for cell in read_bench(sweep / "b")] == [(96, ".")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-m", "imgsz=320,640"], "several values are written imgsz=[320,640]"),
        (["neck=conv,gsconv"], "add -m to look at one for each"),
        (["imgsz=100"], "imgsz"),
        (["formats=onx"], "formats"),
        (["format=onnx"], "format=onnx: is how the result is shown: table, json; formats=onnx measures onnx"),
        (["formats=[onnx,tensorrt]"], "formats"),
        (["rounds=5"], "rounds"),
        (["rounds=20000"], "rounds"),
        (["device=mps"], "mps"),
        (["run=no/such"], "run=no/such: there is no"),
        (["sweep=no/such"], "no such folder"),
        (["run=a", "sweep=b"], "say one of them"),
        (["run=a", "backbone=effv1"], "leave out backbone"),
        (["sweep=a", "backbone.width=0.5"], "backbone"),
    ],
)
def test_refusals(arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    line = capsys.readouterr().err.strip()
    assert said in line
    assert len(line.splitlines()) == 1


def test_variants_are_called_by_what_distinguishes_them() -> None:
    line = check_command_line("bench", ["-m", "backbone=effv1", "backbone.variant=b0,b1", "neck=conv,slim", "scale=s"])
    assert [name for name, _ in line.variants] == [
        "variant=b0 + conv",
        "variant=b0 + slim",
        "variant=b1 + conv",
        "variant=b1 + slim",
    ]
    assert {config["scale"]["name"] for _, config in line.variants} == {"s"}
    with pytest.raises(UserError, match="bakbone"):
        check_command_line("bench", ["-m", "bakbone=effv1,mbv3"])


def test_every_runtime_can_be_asked_for_and_has_a_title() -> None:
    from yolograft.evaluation.runtimes import RUNTIMES

    assert set(get_args(Format)) == set(RUNTIMES) == set(TITLES)
