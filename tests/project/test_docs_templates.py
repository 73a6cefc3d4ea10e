"""The templates of the tutorials: copied into an empty folder they are accepted, built and trained."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "docs" / "templates"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The folder of a person who has copied all templates."""
    shutil.copytree(TEMPLATES, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def yolograft(work: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command there."""
    command = [sys.executable, "-m", "yolograft", *words]
    env = {**os.environ, "YOLOGRAFT_CACHE": str(work / "cache")}
    return subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, encoding="utf-8", check=False)


def write_set(folder: Path) -> None:
    """Write a data set of the template's reader: a bright square on noise in each image."""
    random = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 4)):
        (folder / split).mkdir(parents=True)
        for number in range(count):
            image = random.integers(0, 80, (64, 64, 3), np.uint8)
            left, top = random.integers(0, 40, 2)
            image[top : top + 20, left : left + 20] = 230
            Image.fromarray(image).save(folder / split / f"{number}.png")
            row = f"{left},{top},{left + 20},{top + 20},cell\n"
            (folder / split / f"{number}.csv").write_text(row, encoding="utf-8")


def test_all_of_them_train_together(work: Path) -> None:
    write_set(work / "cells")
    line = """train backbone=tiny neck=light context=gate attention=peak
        attention.at=[neck.P3] loss=alphaiou dataset=corners dataset.path=cells
        dataset.names=[cell,platelet] epochs=1 imgsz=64 batch=4 workers=0 device=cpu name=mine trainer.plots=false"""
    done = yolograft(work, *line.split())
    assert done.returncode == 0, done.stderr
    (file,) = (work / "runs").glob("*/run.json")
    record = json.loads(file.read_text(encoding="utf-8"))
    assert record["status"] == "finished"
    assert (
        record["choices"] | {"backbone": "tiny", "neck": "light", "context": "gate", "loss": "alphaiou"}
        == record["choices"]
    )
    assert (record["data"]["train"]["boxes"], record["data"]["train"]["kinds"]) == (8, {})


def test_the_backbone_has_the_options_that_its_signature_says(work: Path) -> None:
    done = yolograft(work, "info", "backbone=tiny", "backbone.base=32", "format=json")
    assert done.returncode == 0, done.stderr
    assert [level["channels"] for level in json.loads(done.stdout)["levels"].values()] == [16, 32, 64]
    refused = yolograft(work, "info", "backbone=tiny", "backbone.bse=32")
    assert refused.returncode == 2
    assert "base" in refused.stderr


def test_a_backbone_takes_under_twenty_lines() -> None:
    files = (TEMPLATES / "mylab" / "tiny.py", TEMPLATES / "backbone" / "tiny.yaml")
    code = [re.sub(r'"{3}.*?"{3}', "", file.read_text(encoding="utf-8"), flags=re.DOTALL) for file in files]
    lines = [line.strip() for text in code for line in text.splitlines()]
    assert 10 < len([line for line in lines if line and not line.startswith("#")]) < 20


def test_the_reader_reports_what_it_cannot_read(work: Path) -> None:
    write_set(work / "cells")
    (work / "cells" / "train" / "0.csv").write_text("1,2,3,cell\n", encoding="utf-8")
    done = yolograft(
        work, "data", "dataset=corners", "dataset.path=cells", "dataset.names=[cell,platelet]", "format=json"
    )
    assert done.returncode == 1, done.stderr
    (fault,) = json.loads(done.stdout)["faults"]
    assert (fault["line"], fault["message"]) == (1, "not left,top,right,bottom,class")


def test_each_template_is_on_a_page() -> None:
    pages = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "docs" / "tutorials").glob("*.md"))
    files = [file for file in TEMPLATES.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert len(files) >= 11
    assert [f.name for f in files if f'"docs/templates/{f.relative_to(TEMPLATES).as_posix()}' not in pages] == []


@pytest.mark.parametrize("group", ["backbone", "context", "neck", "loss", "dataset"])
def test_each_option_file_describes_itself_and_its_keys(group: str) -> None:
    for file in (TEMPLATES / group).glob("*.yaml"):
        first, target, *keys = file.read_text(encoding="utf-8").splitlines()
        assert first.startswith("# ")
        assert target.startswith("_target_: mylab.")
        assert all(" # " in key for key in keys)
