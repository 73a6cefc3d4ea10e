"""`yolograft report`, driven as a person does."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.made_runs import WriteRun, metrics

FORMS = {"comparison.csv", "comparison.json", "comparison.md", "comparison.tex", "runs.csv"}


def report(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "yolograft", "report", *arguments],
        cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def mixed(sweep: Path, write_run: WriteRun) -> Path:
    """Finished, failed, running, stopped and damaged runs, one without settings, and one of a foreign version."""
    write_run(sweep / "stopped", "slow", status="stopped", metrics=None, epochs_done=1, name="stopped_run")
    future = write_run(sweep / "future", "yolo26", status="frozen", versions={"yolograft": "9.1"}, name="future_run")
    record = json.loads((future / "run.json").read_text(encoding="utf-8"))
    record |= {"metrics": {"mAP50-95": [0.1], "boxes": {"AP": 1}}, "choices": {"backbone": {"kind": "x"}}, "seed": "?"}
    (future / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (sweep / "bare").mkdir()
    (sweep / "bare" / "run.json").write_text("{}", encoding="utf-8")
    return sweep


def test_a_sweep_of_all_sorts_is_reported_and_each_run_named(mixed: Path) -> None:
    done = report("runs=.", cwd=mixed)
    assert done.returncode == 0, done.stderr
    for text in (
        "mbv3_gsconv_n_seed0 failed after 2 of 10 epochs: OutOfMemoryError",
        "effv2_conv_n_seed0 has not ended after 3 of 10 epochs",
        "effv2_gsconv_n cannot be read: run.json: Unterminated string",
        "stopped_run was stopped after 1 of 10 epochs",
        "future_run has the unknown status 'frozen'",
        "made by yolograft 9.1, this is ",
        "bare has the unknown status 'unknown'",
    ):
        assert text in done.stdout
    assert {path.name for path in mixed.iterdir() if path.is_file()} >= FORMS
    with (mixed / "runs.csv").open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 11
    assert {Path(line).name for line in done.stderr.splitlines()} == {*FORMS, "figures", "report.html"}


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("json", "{\n"),
        ("markdown", "| backbone |"),
        ("csv", "variant,backbone,"),
        ("latex", "% \\usepackage{booktabs}"),
    ],
)
def test_a_form_on_standard_output_is_that_form_and_nothing_else(sweep: Path, form: str, start: str) -> None:
    done = report("runs=.", f"format={form}", cwd=sweep)
    assert done.stdout.startswith(start)
    if form == "json":
        assert len(json.loads(done.stdout)["rows"]) == 8
    assert not (sweep / "report.html").exists()  # pictures take seconds


def test_all_forms_go_where_they_are_wanted(sweep: Path, tmp_path: Path) -> None:
    done = report(f"runs={sweep}", "out=paper/tables", "filter=neck == 'gsconv'", "sort=-params", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "paper" / "tables"
    assert {path.name for path in out.iterdir()} >= FORMS
    rows = json.loads((out / "comparison.json").read_text(encoding="utf-8"))["rows"]
    assert [row["variant"] for row in rows] == ["mbv3 + gsconv", "yolo11 + gsconv", "effv1 + gsconv"]
    assert not (sweep / "comparison.md").exists()


def test_a_persons_own_files_are_not_replaced_but_a_reports_are(sweep: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "runs.csv").write_text("precious", encoding="utf-8")
    done = report(f"runs={sweep}", "out=mine", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "yolograft: out=mine: holds a runs.csv that no report has written; name another folder\n"
    assert [(file.name, file.read_text(encoding="utf-8")) for file in mine.iterdir()] == [("runs.csv", "precious")]
    for _ in range(2):
        assert report(f"runs={sweep}", "out=new", cwd=tmp_path).returncode == 0


def test_a_sweeps_own_files_show_all_of_it_whatever_is_asked(sweep: Path) -> None:
    done = report("runs=.", "filter=neck == 'gsconv'", 'baseline="neck=gsconv"', "columns=[variant,params]", cwd=sweep)
    assert "3 of 8 variants shown" in done.stdout
    assert len(json.loads((sweep / "comparison.json").read_text(encoding="utf-8"))["rows"]) == 8


def test_csv_has_the_columns_that_are_chosen(sweep: Path) -> None:
    done = report("runs=.", "format=csv", "columns=[variant,params]", "filter=neck == 'gsconv'", cwd=sweep)
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(done.stdout.splitlines()))
    assert rows[0] == ["variant", "params"]
    assert len(rows) == 4
    assert all(row[0].endswith("gsconv") and row[1].isdigit() for row in rows[1:])


def test_several_sweeps_are_compared_and_their_folders_left_alone(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "a" / "stock", metrics=metrics(0.5))
    write_run(tmp_path / "b" / "gsconv", neck="gsconv", metrics=metrics(0.6))
    done = report("runs=[a,b]", "format=json", cwd=tmp_path)
    assert json.loads(done.stdout)["rows"][0]["difference"]["value"] == pytest.approx(0.1)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["stock"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("columns=[backbone,parms]", "columns=parms: there is no such column; did you mean params?"),
        ("sort=paramss", "sort=paramss: there is no such column; did you mean params?"),
        ("filter=necc == 'x'", "filter=necc == 'x': there is no such name; did you mean neck?"),
        ("filter=exit()", "filter=exit(): exit() is not allowed"),
        ("baseline=nek=conv", "baseline=nek=conv: no run has nek; did you mean neck?"),
        ("baseline=stock", 'baseline=stock: write groups with their values, baseline="backbone=yolo11 neck=conv"'),
        ("format=latx", "format=latx: must be one of table, markdown, csv, json, latex; did you mean latex?"),
        ("metric=map", "metric=map: must be one of mAP50-95, mAP50, precision, recall"),
        ("runs=nowhere", "nowhere: no such folder"),
        ("out=comparison.md/x", "out=comparison.md/x: comparison.md is a file; name a folder"),
        ("colums=params", "colums: there is no such key; did you mean columns?"),
    ],
)
def test_a_wrong_word_is_refused_at_once_in_one_line(sweep: Path, argument: str, message: str) -> None:
    (sweep / "comparison.md").write_text("mine", encoding="utf-8")
    began = time.monotonic()
    done = report(*([] if argument.startswith("runs=") else ["runs=."]), argument, cwd=sweep)
    assert time.monotonic() - began < 15
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"yolograft: {message}")
    assert done.stderr.count("\n") == 1
    assert (sweep / "comparison.md").read_text(encoding="utf-8") == "mine"


def test_nothing_heavy_is_imported_before_the_words_are_checked(sweep: Path) -> None:
    code = (
        "import sys; from yolograft.cli.main import main; main(['report', 'runs=.', 'sort=x']); "
        "main(['report', '--help']); "
        "print([m for m in ('torch', 'scipy', 'statsmodels', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=sweep, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_folders_may_stand_alone_and_a_folder_of_sweeps_is_left_as_it_is(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "my runs" / "a" / "stock", metrics=metrics(0.5))
    write_run(tmp_path / "my runs" / "b" / "gsconv", neck="gsconv", metrics=metrics(0.6))
    done = report("my runs", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "gsconv" in done.stdout
    assert done.stderr == "No files written, this is not one sweep's folder: out=FOLDER writes them.\n"
    assert sorted(path.name for path in (tmp_path / "my runs").iterdir()) == ["a", "b"]
