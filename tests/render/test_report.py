import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from yolograft.render.report import page_is_due, render


def test_render_writes_the_forms_and_replaces_them(sweep: Path) -> None:
    names = ["comparison.md", "comparison.csv", "runs.csv", "comparison.json", "comparison.tex"]
    assert [path.name for path in render(sweep, page=False)] == names
    record = sweep / "effv2_conv_n" / "run.json"
    ended = json.loads(record.read_text(encoding="utf-8")) | {"status": "finished", "metrics": {"mAP50-95": 0.6}}
    record.write_text(json.dumps(ended), encoding="utf-8")
    assert [path.name for path in render(sweep)] == [*names, "figures", "report.html"]
    assert json.loads((sweep / "comparison.json").read_text(encoding="utf-8"))["rows"][0]["variant"] == "effv2 + conv"
    assert sorted(path.name for path in sweep.iterdir() if path.is_file()) == sorted([*names, "report.html"])


def test_a_file_that_cannot_be_replaced_is_named_and_the_rest_written(
    sweep: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (sweep / "comparison.csv" / "in the way").mkdir(parents=True)
    (sweep / "figures").write_text("in the way", encoding="utf-8")
    assert [path.name for path in render(sweep)] == [
        "comparison.md", "runs.csv", "comparison.json", "comparison.tex", "report.html",
    ]  # fmt: skip
    assert "comparison.csv not written" in caplog.text
    assert "map_vs_params.png not written" in caplog.text
    assert not list(sweep.glob("*.tmp"))


def test_the_page_of_a_sweep_that_goes_on_is_due_every_five_minutes(tmp_path: Path) -> None:
    assert page_is_due(tmp_path)
    started, page = tmp_path / "multirun.yaml", tmp_path / "report.html"
    started.touch()
    assert not page_is_due(tmp_path)
    os.utime(started, (time.time() - 301,) * 2)
    assert page_is_due(tmp_path)
    page.touch()
    assert not page_is_due(tmp_path)
    os.utime(page, (time.time() - 301,) * 2)
    assert page_is_due(tmp_path)


def test_the_report_needs_no_torch() -> None:
    code = "import sys, yolograft.render.report, yolograft.render.page; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "matplotlib.pyplot"} & set(ast.literal_eval(done.stdout))
