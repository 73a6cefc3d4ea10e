"""Class names that act, from a data set's YAML through training, measuring and the sweep's report."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.program import Program

NAMES = ("\\e[2J", "\\x0b\\x01", "[/red]x", "=1+1", "$\\\\frac{", "<b>&amp;", "all")
"""As YAML writes them in double quotes."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for split in ("train", "val"):
        for number in range(4):
            image = tmp_path / "set" / "images" / split / f"{split}{number}.png"
            label = tmp_path / "set" / "labels" / split / f"{split}{number}.txt"
            image.parent.mkdir(parents=True, exist_ok=True)
            label.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(image)
            rows = [f"{name} {0.2 + 0.1 * (name % 5)} 0.5 0.4 0.6" for name in range(len(NAMES))]
            label.write_text("\n".join(rows))
    file = tmp_path / "set" / "data.yaml"
    listed = "".join(f'  {number}: "{name}"\n' for number, name in enumerate(NAMES))
    file.write_text(f"train: images/train\nval: images/val\nnames:\n{listed}")
    return file


@pytest.mark.slow
def test_no_class_name_ends_a_sweep_or_reaches_the_terminal_raw(yolograft: Program, tmp_path: Path, data: Path) -> None:
    common = [f"dataset.path={data}", "dataset=yolo", "imgsz=32", "epochs=1", "batch=2", "device=cpu", "workers=0"]
    said = [yolograft("train", "-m", "name=acts", "neck=conv,gsconv", *common, "trainer.threads=1", timeout=600)]
    assert said[0].returncode == 0, said[0].stderr
    sweep = tmp_path / "multirun" / "acts"
    (first, *_) = sorted(file.parent for file in sweep.glob("*/run.json"))
    assert json.loads((first / "run.json").read_text(encoding="utf-8"))["status"] == "finished"
    said.append(yolograft("val", f"run={first}", "device=cpu"))
    said.append(yolograft("report", f"runs={sweep}"))
    said.append(yolograft("data", *common[:2]))
    said.append(yolograft("sweeps"))
    for ended in said:
        assert ended.returncode == 0, ended.stderr
        assert "Traceback" not in ended.stderr
        for line in (ended.stdout + ended.stderr).split("\n"):
            assert line.isprintable(), line
    assert "[/red]x" in said[1].stdout
    assert (sweep / "report.html").exists()
    for name in ("report.html", "runs.csv", "comparison.md", "comparison.tex", f"{first.name}/train.log"):
        for line in (sweep / name).read_text(encoding="utf-8").split("\n"):
            assert line.isprintable(), (name, line)
