"""The table of metrics and costs: whatever is derived from it, and what an entry more brings."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from yolograft.common.metrics import (
    BUILT,
    BY_KEY,
    COSTS,
    EPOCH_METRICS,
    MEASURES,
    METRICS,
    OBJECTIVES,
    RECORDED_COSTS,
    Measure,
)

SRC = Path(__file__).parents[2] / "src"


def test_names_that_users_write_and_files_hold_are_as_they_were() -> None:
    assert METRICS == ("mAP50-95", "mAP50", "precision", "recall")
    assert EPOCH_METRICS == ("precision", "recall", "mAP50", "mAP50-95")
    assert {"params", "gflops", "size", "seconds", "images_per_second"} <= set(COSTS)
    assert {"params", "gflops", "seconds", "images_per_second"} <= set(RECORDED_COSTS)
    assert {"params", "gflops", "memory_gb"} <= set(BUILT)


def test_the_lists_hold_what_their_names_say() -> None:
    assert len(BY_KEY) == len(MEASURES)
    assert not {"memory_gb", *METRICS} & set(COSTS)
    assert set(COSTS) == {key for key, measure in BY_KEY.items() if measure.kind == "cost" and measure.stored}
    assert set(RECORDED_COSTS) == {key for key in COSTS if BY_KEY[key].stored == "record"}
    assert set(OBJECTIVES) == {*METRICS, *RECORDED_COSTS}
    assert all(BY_KEY[key].known == "built" and BY_KEY[key].derive is None for key in BUILT)


def test_directions_are_known() -> None:
    assert {key: BY_KEY[key].better for key in METRICS} == dict.fromkeys(METRICS, "max")
    assert {key: BY_KEY[key].better for key in ("params", "gflops", "memory_gb", "size", "seconds")} == dict.fromkeys(
        ("params", "gflops", "memory_gb", "size", "seconds"), "min"
    )
    assert BY_KEY["images_per_second"].direction == "maximize"


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.key)
def test_every_entry_writes_its_values(measure: Measure) -> None:
    assert all((measure.label, measure.title, measure.axis, measure.short))
    for value in (0.0, 0.5, 1234.5):
        assert all(write(value) for write in (measure.text, measure.tick, measure.exact))


def test_values_in_full_have_a_unit() -> None:
    assert BY_KEY["params"].exact(2_624_080) == "2,624,080 parameters"


def test_a_derived_entry_must_say_how() -> None:
    with pytest.raises(ValueError, match="belong together"):
        dataclasses.replace(BY_KEY["params"], stored="derived")
    with pytest.raises(ValueError, match="belong together"):
        dataclasses.replace(BY_KEY["params"], derive=lambda run: 1.0)


def with_entry(folder: Path, entry: str, script: str) -> str:
    """Run a script on a copy of the source with one entry more; return what it prints."""
    copy = folder / "src"
    shutil.copytree(SRC / "yolograft", copy / "yolograft", ignore=shutil.ignore_patterns("__pycache__"))
    table = copy / "yolograft" / "common" / "metrics.py"
    text = table.read_text(encoding="utf-8")
    begin = "MEASURES = (\n"
    assert text.count(begin) == 1
    table.write_text(text.replace(begin, begin + entry), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(copy), "PATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_new_cost_is_one_entry(tmp_path: Path) -> None:
    """A copy of the source with one entry more reads it from run.json, shows a column of it and searches for it."""
    entry = (
        '    Measure(key="a_recorded_cost", kind="cost", label="energy", better="min", stored="record", known="end", '
        'text="{:.1f} Wh".format, drop_priority=7),\n'
    )
    script = """
import json
from pathlib import Path
for name, energy in (("a", 3.25), ("b", 4.5)):
    run = Path(name)
    run.mkdir()
    record = {"name": name, "status": "finished", "seed": 0, "choices": {"neck": name}, "metrics": {"mAP50-95": 0.5}}
    (run / "run.json").write_text(json.dumps({**record, "a_recorded_cost": energy}))
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import compare
from yolograft.render.table import table
from yolograft.runs.record import RunRecord
from yolograft.sweep.search_space import DIRECTIONS
from yolograft.tracking.base import summary
made = table(compare(collect([Path("a"), Path("b")])))
(column,) = [column for column in made.columns if column.key == "a_recorded_cost"]
record = RunRecord.read(Path("a"))
assert record.to_json()["a_recorded_cost"] == summary(record)["a_recorded_cost"] == 3.25
assert DIRECTIONS["a_recorded_cost"] == "minimize"
print(column.heading, *sorted(column.text(row) for row in made.rows))
"""
    assert with_entry(tmp_path, entry, script).split() == ["energy", "3.2", "Wh", "4.5", "Wh"]


def test_a_derived_column_is_one_entry(tmp_path: Path) -> None:
    """It is computed run by run, and reaches the table, CSV, JSON, HTML, `columns=`, `filter=` and `sort=`."""
    entry = (
        '    Measure(key="a_derived_value", kind="cost", label="params/mAP", better="min", stored="derived", '
        'known="end", text=lambda value: f"{value:.1f} each", derive=lambda run: run["params"] / run["mAP50-95"]),\n'
    )
    script = """
import csv, io, json
from pathlib import Path
for name, map in (("a", 0.5), ("b", 0.25), ("c", 0.0)):
    run = Path(name)
    run.mkdir()
    record = {"name": name, "status": "finished", "seed": 0, "choices": {"neck": name}, "metrics": {"mAP50-95": map}}
    (run / "run.json").write_text(json.dumps({**record, "params": 10}))
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import compare
from yolograft.analysis.frame import to_frame
from yolograft.render.forms.csv import runs_to_csv, to_csv
from yolograft.render.forms.html import to_html
from yolograft.render.forms.json import to_json
from yolograft.render.table import table
key = "a_derived_value"
comparison = compare(collect([Path("a"), Path("b"), Path("c")]))
assert key not in [column.key for column in table(comparison).columns]
made = table(comparison, columns=["neck", key], sort=key, filter=f"{key} < 30")
print(*("|".join(column.text(row) for column in made.columns) for row in made.rows), sep="; ")
whole = table(comparison, columns=["all"])
for text in (to_csv(whole), runs_to_csv(whole)):
    print(*sorted(row[key] for row in csv.DictReader(io.StringIO(text))))
rows = json.loads(to_json(whole))["rows"]
print(*(row[key] for row in rows), *(row["runs"][0][key] for row in rows))
print(*to_frame(comparison)[key].fillna(0))
print(b"params/mAP" in to_html(whole, (), None))
"""
    assert with_entry(tmp_path, entry, script).splitlines() == [
        "a|20.0 each",
        " 20.0 40.0",
        " 20.0 40.0",
        "20.0 40.0 None 20.0 40.0 None",
        "20.0 40.0 0.0",
        "True",
    ]
