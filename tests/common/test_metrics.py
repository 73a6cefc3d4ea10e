"""The table of metrics and costs: whatever is derived from it, and what an entry more brings."""

import subprocess
import sys
from pathlib import Path

from yolograft.common.metrics import (
    BUILT,
    BY_KEY,
    COSTS,
    EPOCH_METRICS,
    MEASURES,
    METRICS,
    OBJECTIVES,
    RECORDED_COSTS,
)

SRC = Path(__file__).parents[2] / "src"


def test_names_that_users_write_and_files_hold_are_as_they_were() -> None:
    assert METRICS == ("mAP50-95", "mAP50", "precision", "recall")
    assert EPOCH_METRICS == ("precision", "recall", "mAP50", "mAP50-95")
    assert COSTS == ("params", "gflops", "size", "seconds", "images_per_second")
    assert RECORDED_COSTS == ("params", "gflops", "seconds", "images_per_second")
    assert BUILT == ("params", "gflops", "memory_gb")
    assert set(OBJECTIVES) == {*METRICS, *RECORDED_COSTS}


def test_keys_are_unique_and_directions_known() -> None:
    assert len(BY_KEY) == len(MEASURES)
    assert {key for key, measure in BY_KEY.items() if measure.better == "max"} == {*METRICS, "images_per_second"}
    assert BY_KEY["params"].exact(2_624_080) == "2,624,080 parameters"
    assert BY_KEY["images_per_second"].direction == "maximize"


def test_a_new_cost_is_one_entry(tmp_path: Path) -> None:
    """A copy of the source with one entry more reads it from run.json, shows a column of it and searches for it."""
    import shutil

    copy = tmp_path / "src"
    shutil.copytree(SRC / "yolograft", copy / "yolograft", ignore=shutil.ignore_patterns("__pycache__"))
    table = copy / "yolograft" / "common" / "metrics.py"
    entry = (
        '    Measure(key="energy_wh", kind="cost", label="energy", better="min", stored="record", known="end", '
        'text="{:.1f} Wh".format, spare=7),\n'
    )
    text = table.read_text(encoding="utf-8")
    begin = "MEASURES = (\n"
    assert text.count(begin) == 1
    table.write_text(text.replace(begin, begin + entry), encoding="utf-8")
    script = """
import json
from pathlib import Path
for name, energy in (("a", 3.25), ("b", 4.5)):
    run = Path(name)
    run.mkdir()
    record = {"name": name, "status": "finished", "seed": 0, "choices": {"neck": name}, "metrics": {"mAP50-95": 0.5}}
    (run / "run.json").write_text(json.dumps({**record, "energy_wh": energy}))
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import compare
from yolograft.render.table import table
from yolograft.runs.record import RunRecord
from yolograft.sweep.search_space import DIRECTIONS
from yolograft.tracking.base import summary
made = table(compare(collect([Path("a"), Path("b")])))
(column,) = [column for column in made.columns if column.key == "energy_wh"]
record = RunRecord.read(Path("a"))
assert record.to_json()["energy_wh"] == summary(record)["energy_wh"] == 3.25
assert DIRECTIONS["energy_wh"] == "minimize"
print(column.heading, *sorted(column.text(row) for row in made.rows))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(copy), "PATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["energy", "3.2", "Wh", "4.5", "Wh"]
