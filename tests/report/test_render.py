import json
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.text import Annotation
from yolograft.report.figures import draw_map_vs_params, map_vs_params

from yolograft.report.collect import Run, collect
from yolograft.report.comparison import compare
from yolograft.report.render import render

from .conftest import FINISHED, WriteRun


def test_the_picture_is_a_png_of_900_by_600_with_something_on_it(sweep: Path, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    assert map_vs_params(compare(collect([sweep])), path) == path
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[:2] == (600, 900)
    dark = (pixels[..., :3] < 0.9).any(axis=-1)
    assert 0.01 < dark.mean() < 0.5


def test_every_finished_variant_is_named_beside_its_point(sweep: Path) -> None:
    figure = draw_map_vs_params(compare(collect([sweep])))
    assert figure is not None
    (axes,) = figure.axes
    names = {text.get_text(): text.xy for text in axes.texts if isinstance(text, Annotation)}
    assert set(names) == {f"{backbone} + {neck}" for backbone, neck in FINISHED}
    assert names["effv1 + conv"] == (1_664_481, 0.431)
    legend = axes.get_legend()
    assert legend is not None
    entries = [text.get_text() for text in legend.get_texts()]
    assert entries == ["backbone", "effv1", "mbv3", "yolo11", "neck", "conv", "gsconv", "", "baseline", "Pareto front"]


def test_the_front_holds_what_no_smaller_variant_beats(sweep: Path) -> None:
    figure = draw_map_vs_params(compare(collect([sweep])))
    assert figure is not None
    (front,) = (line for line in figure.axes[0].lines if line.get_linestyle() == "--")
    # not yolo11 + conv: its gsconv sister is smaller and better
    assert np.asarray(front.get_ydata()).tolist() == [0.388, 0.425, 0.431, 0.512]


def test_a_single_run_is_drawn(tmp_path: Path, write_run: WriteRun) -> None:
    run = write_run(tmp_path / "only")
    assert map_vs_params(compare(collect([run])), tmp_path / "picture.png") == tmp_path / "picture.png"


def test_many_variants_with_seeds_over_a_wide_spread_are_drawn(tmp_path: Path) -> None:
    runs = [
        Run(
            path=tmp_path / f"{backbone}{neck}{seed}",
            name="run",
            status="finished",
            choices={"backbone": f"backbone{backbone}", "neck": f"neck{neck}"},
            seed=seed,
            params=100_000 * (backbone + 1) ** 2 + neck,
            metrics={"mAP50-95": 0.1 * backbone / 2 + 0.01 * neck + 0.002 * seed},
        )
        for backbone in range(20)
        for neck in range(4)
        for seed in range(2)
    ]
    assert map_vs_params(compare(runs), tmp_path / "picture.png") == tmp_path / "picture.png"


def test_without_a_finished_run_nothing_is_drawn(tmp_path: Path, write_run: WriteRun) -> None:
    run = write_run(tmp_path / "only", status="running")
    assert map_vs_params(compare(collect([run])), tmp_path / "picture.png") is None
    assert map_vs_params(compare([]), tmp_path / "picture.png") is None
    assert not (tmp_path / "picture.png").exists()


def test_render_writes_the_forms_and_replaces_them(sweep: Path) -> None:
    names = ["comparison.md", "comparison.csv", "runs.csv", "comparison.json", "comparison.tex", "map_vs_params.png"]
    assert [path.name for path in render(sweep)] == names
    record = sweep / "effv2_conv_n" / "run.json"
    ended = json.loads(record.read_text(encoding="utf-8")) | {"status": "finished", "metrics": {"mAP50-95": 0.6}}
    record.write_text(json.dumps(ended), encoding="utf-8")
    assert [path.name for path in render(sweep)] == names
    assert json.loads((sweep / "comparison.json").read_text(encoding="utf-8"))["rows"][0]["variant"] == "effv2 + conv"
    assert sorted(path.name for path in sweep.iterdir() if path.is_file()) == sorted(names)


def test_a_file_that_cannot_be_replaced_is_named_and_the_rest_written(
    sweep: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (sweep / "comparison.csv" / "in the way").mkdir(parents=True)
    assert [path.name for path in render(sweep)] == [
        "comparison.md", "runs.csv", "comparison.json", "comparison.tex", "map_vs_params.png",
    ]  # fmt: skip
    assert "comparison.csv not written" in caplog.text
    assert not list(sweep.glob("*.tmp"))


def test_the_report_needs_no_torch() -> None:
    code = "import sys, yolograft.report.render; print('torch' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
