"""The experiments that come with yolograft: what each compares, and that it runs."""

from pathlib import Path

import pytest

from helpers.program import Program
from helpers.tiny import TINY, record
from yolograft.cli.command_line import check_command_line
from yolograft.sweep.constraint import select

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
VARIANTS = {
    "slimneck": 6,
    "attention": 10,
    "losses": 8,
    "activations": 7,
    "necks": 6,
    "levels": 3,
    "lightweight": 14,
    "backbones": 9,
    "bases": 5,
}
"""How many variants each of them compares."""


@pytest.mark.parametrize("name", VARIANTS)
def test_composes(name: str) -> None:
    """Every value exists and is taken, no two runs are the same, and a paragraph says what is asked."""
    jobs = check_command_line("train", [f"experiments={name}", "seeds=1"]).jobs
    assert len(jobs) == len({job.identity for job in jobs}) == VARIANTS[name]
    lines = (EXPERIMENTS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[1:]
    assert "?" in " ".join(line for line in lines if line.startswith("# "))


def test_pretrained_compares_recipes_of_pretrained_backbones_alone() -> None:
    line = ["experiments=pretrained", "dataset.path=bccd", "seeds=1"]
    jobs, dropped = select(check_command_line("train", line).jobs)
    variants = [(str(job.config["backbone"]["pretrained"]), job.choices["optim"]) for job in jobs]
    file = "tf_efficientnet_lite0.safetensors"
    assert variants == [("False", "auto"), (file, "auto"), (file, "finetune")]
    assert len(dropped) == 1
    before, after = (job.config["optim"].items() for job in jobs[1:])
    assert dict(after - before) == {"nbs": 16, "warmup_epochs": 1.0}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_runs(name: str, yolograft: Program, tmp_path: Path) -> None:
    settings = ("epochs=1", "seeds=1", "imgsz=64", "isolate=false", "dataset.train=4", "name=tried")
    done = yolograft("train", f"experiments={name}", *TINY, *settings, timeout=3000)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [record(file.parent) for file in (tmp_path / "multirun" / "tried").glob("*/run.json")]
    assert [one["status"] for one in records] == ["finished"] * VARIANTS[name]
