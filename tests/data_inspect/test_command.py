"""`yolograft data` as a person runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.program import Program

FILES = {"data.html", "data.json", "samples.png"}


def test_a_sound_set_is_counted_and_its_page_written(clean: Path, tmp_path: Path, yolograft: Program) -> None:
    before = {file: file.stat().st_mtime_ns for file in clean.parent.rglob("*")}
    done = yolograft("data", "dataset=yolo", f"dataset.path='{clean}'")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    *lines, last = done.stdout.splitlines()
    (page,) = tmp_path.glob("data_reports/*/data.html")
    assert tmp_path / last == page
    assert page.parent.name == "clean-set"
    assert {file.name for file in page.parent.iterdir()} == FILES
    cells = {line.split()[0]: line.split() for line in lines if line.split()}
    assert cells["train"][1:6] == ["4", "0", "0", "8", "2.0"]
    assert cells["val"][1:6] == ["2", "1", "0", "2", "1.0"]
    assert cells["b"] == ["b", "4", "50%", "1", "50%"]
    assert "No faults." in lines
    assert before == {file: file.stat().st_mtime_ns for file in clean.parent.rglob("*")}  # their folder is untouched


def test_json_is_the_whole_of_standard_output_and_faults_do_not_stop_it(faulty: Path, yolograft: Program) -> None:
    done = yolograft("data", "dataset=yolo", f"dataset.path={faulty}", "format=json", "out=pages", PYTHONUTF8="0")
    assert done.returncode == 1  # the data has errors
    document = json.loads(done.stdout)
    assert document["kinds"]["leak"] == 1
    page = Path(done.stderr.strip().splitlines()[-1])
    assert page.as_posix() == "pages/faulty/data.html"


def test_the_table_names_the_first_fault_of_each_kind_also_in_a_narrow_log(faulty: Path, yolograft: Program) -> None:
    done = yolograft(
        "data", "dataset=yolo", f"dataset.path={faulty}", "dataset.check=warn", COLUMNS="40", PYTHONIOENCODING="ascii"
    )
    assert done.returncode == 0, done.stderr  # the person said that faults are no reason to stop
    assert f"{faulty.parent / 'labels' / 'train' / 'range.txt'}:2: class 7 is out of range" in done.stdout
    assert "test cannot be read" in done.stdout
    assert f"read as yolo from {faulty}: images in train " in done.stdout
    assert "\\u7ea2\\u7ec6\\u80de" in done.stdout  # a class name that the output's encoding does not have
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("dataset=yolo", "dataset.path=nowhere/data.yaml"), "nowhere"),
        (("dataset=yolo",), "dataset.path"),
        (("imgsz=500",), "480 or 512"),
        (("format=xml",), "must be one of table, json"),
        (("epochs=3",), "there is no such key"),
        (("dataset.folds=5",), "belong together"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_mistake_is_named_in_one_line(
    arguments: tuple[str, ...], named: str, tmp_path: Path, yolograft: Program
) -> None:
    done = yolograft("data", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert named in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_fold_is_described_as_it_would_be_trained_on(clean: Path, yolograft: Program) -> None:
    done = yolograft(
        "data", "dataset=yolo", f"dataset.path='{clean}'", "dataset.folds=3", "dataset.fold=1", "format=json"
    )
    splits = json.loads(done.stdout)["splits"]
    assert (splits["train"]["images"], splits["val"]["images"]) == (4, 2)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from yolograft.cli.main import main\n"
        "main(['data', '--help'])\n"
        "heavy = {'torch', 'ultralytics', 'numpy', 'matplotlib', 'jinja2'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "imgsz: 640" in done.stdout
    assert "Exit code 1" in done.stdout
