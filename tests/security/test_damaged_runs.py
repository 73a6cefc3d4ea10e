"""Hundreds of damaged run folders: none costs the report of the others, none raises, none waits."""

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from helpers.damaged_runs import damage
from helpers.made_sweep import make_sweep
from helpers.waiting import at_most
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import compare
from yolograft.render.forms.terminal import print_table
from yolograft.render.report import write
from yolograft.render.table import table
from yolograft.runs.record import RunRecord
from yolograft.sweep.overview import overview

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no FIFOs, no /dev/zero")

SEED = 10


@pytest.fixture(autouse=True)
def _no_wait_without_end() -> Iterator[None]:
    """A FIFO that somebody opens is an error after a while, not a hang."""
    with at_most(900):
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "sweep"
    return make_sweep(folder, backbones=("yolo11", "effv1"), seeds=2, epochs=5, images=2)


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.slow)])
def test_no_damaged_run_costs_the_report_of_the_others(made: Path, tmp_path: Path, count: int) -> None:
    draw = random.Random(SEED)
    sources = sorted(path for path in made.iterdir() if (path / "run.json").exists())
    done = 0
    while done < count:
        sweep = tmp_path / f"sweep{done}"
        sweep.mkdir()
        (sweep / "multirun.yaml").touch()
        hows = []
        for number in range(min(count, 50)):
            run = sweep / f"run{number}"
            shutil.copytree(draw.choice(sources), run)
            hows.append(damage(run, draw))
        sound = sources[0].name
        shutil.copytree(sources[0], sweep / sound)
        done += len(hows)
        print(f"seed {SEED}, damaged folders {done}")
        try:
            runs = collect([sweep])
            found = {run.path.name: run for run in runs}
            for one in runs:
                RunRecord.read(one.path)
            metrics = json.loads((sources[0] / "run.json").read_text())["metrics"]
            assert found[sound].metrics["mAP50-95"] == metrics["mAP50-95"]
            shown = table(compare(runs))
            with (tmp_path / "printed").open("w", encoding="utf-8") as stream:
                print_table(shown, Console(file=stream))
            files = write(shown, sweep, page=True)
            assert {file.name for file in files} >= {
                "comparison.json",
                "comparison.csv",
                "comparison.tex",
                "report.html",
            }
            assert json.loads((sweep / "comparison.json").read_text(encoding="utf-8"))["rows"]
            (listed,) = overview(sweep)
            assert listed.counts["finished"] >= 1
        except BaseException:
            print("\n".join(hows))
            raise
        shutil.rmtree(sweep)
    assert done >= count
