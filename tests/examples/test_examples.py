"""The scripts and the notebook in `examples/` run as they stand, with overrides that make them quick."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from helpers.made_sweep import make_sweep
from helpers.tiny import TINY

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = [*TINY, "epochs=1"]


def run_script(name: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_add_a_backbone(tmp_path: Path) -> None:
    said = run_script("add_a_backbone.py", tmp_path, *QUICK)
    assert "width=128: " in said
    assert len(list((tmp_path / "runs").glob("plain*/checkpoints/best.safetensors"))) == 1


def test_sweep_to_pandas(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "made", backbones=["yolo11", "effv1"], seeds=2, epochs=3, images=1)
    said = run_script("sweep_to_pandas.py", tmp_path, str(sweep))
    assert "mAP50-95_sd" in said
    assert "mean" in said


@pytest.mark.slow
def test_train_and_compare(tmp_path: Path) -> None:
    said = run_script("train_and_compare.py", tmp_path, *QUICK)
    assert said.count("finished") == 4
    assert "classes: " in said
    assert (tmp_path / "multirun" / "two-necks" / "sweep.json").is_file()


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLES / "ablation.ipynb", as_version=4)
    settings = next(cell for cell in notebook.cells if "settings" in cell.metadata.get("tags", ()))
    settings.source = f"settings = {' '.join(QUICK)!r}"
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert (tmp_path / "multirun").is_dir()


def test_the_notebook_shows_what_it_gave() -> None:
    notebook = nbformat.read(EXAMPLES / "ablation.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]
    text = nbformat.writes(notebook)
    assert str(Path.home()) not in text
    assert "/tmp/" not in text
