"""run.json: one type, one reader that takes what is damaged or of another version, one writer."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from yolograft.common.metrics import METRICS, RECORDED_COSTS
from yolograft.runs.record import FORMAT, RUN_FILE, Metrics, RunError, RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.runs.states import exhausted, state_of
from yolograft.runs.writer import RecordWriter, record_death

SRC = Path(__file__).parents[2] / "src" / "yolograft"
V0_1 = Path(__file__).parents[1] / "fixtures" / "v0_1"
FULL = RunRecord(
    format=FORMAT,
    status="stopped",
    identity="0123456789ab",
    name="yolo11_conv_n_seed0",
    choices={"backbone": "yolo11", "neck": "conv"},
    overrides=("neck=conv", "seed=0"),
    seed=0,
    epochs=20,
    metrics=Metrics({"mAP50-95": 0.5, "mAP50": 0.7}, {"a\x1bb": {"mAP50-95": 0.25}}, {"curve": [0.1]}),
    data={"fingerprint": "a-b", "train": {"images": 3}},
    best_epoch=7,
    epochs_done=9,
    attempts=2,
    costs={"params": 2_624_080, "gflops": 6.7, "seconds": 12.5, "images_per_second": 41.25},
    parts={"neck": 10},
    transfer={"weights": "a.pt", "share": 0.5, "parts": {"neck": {"matched": 1, "resized": 0, "missing": 1}}},
    batch=16,
    first_batch=32,
    threads=2,
    device="cpu",
    precision="fp32",
    weights_sha256="ff",
    loggers={"wandb": {"id": "x"}},
    error=RunError("StoppedError", "stopped by SIGTERM", "Traceback …\n"),
    started="2026-01-01T00:00:00+00:00",
    ended="2026-01-01T01:00:00+00:00",
    versions={"torch": "2.13.0"},
    git_commit="abc",
    host="here",
    command="yolograft train",
    extra={"of_a_later_version": 4.2, "nested": {"a": [1, None]}},
)


def spec(folder: Path) -> RunSpec:
    return RunSpec({"seed": 3, "epochs": 5, "attempts": 2}, folder, {"neck": "conv"}, ["seed=3"])


def put(folder: Path, content: Any) -> None:
    (folder / RUN_FILE).write_text(json.dumps(content), encoding="utf-8")


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    put(tmp_path, FULL.to_json())
    assert RunRecord.read(tmp_path) == FULL


def test_every_field_and_cost_is_in_the_file() -> None:
    assert {"finished", "metrics", "format", *RECORDED_COSTS} <= RunRecord().to_json().keys()
    assert FULL.to_json()["params"] == 2_624_080
    assert isinstance(FULL.to_json()["params"], int)
    assert FULL.to_json()["metrics"]["per_class"] == {"a\x1bb": {"mAP50-95": 0.25}}


def test_a_record_of_a_newer_format_is_read_and_what_it_says_more_is_kept(tmp_path: Path) -> None:
    run = spec(tmp_path)
    more: dict[str, Any] = {"carbon": {"g": 3}, "metrics": {"mAP50-95": 0.5, "mAP75": 0.4, "calibration": {"ece": 0.1}}}
    put(tmp_path, {"format": FORMAT + 8, "status": "stopped", "identity": run.identity, "epochs_done": 2, **more})
    found = RunRecord.read(tmp_path)
    assert found is not None
    assert (found.format, found.status, found.epochs_done, found.measured("mAP50-95")) == (
        FORMAT + 8,
        "stopped",
        2,
        0.5,
    )
    writer = RecordWriter(run)
    writer.update(device="cpu")
    content = json.loads((tmp_path / RUN_FILE).read_text(encoding="utf-8"))
    assert content["carbon"] == more["carbon"]
    assert content["metrics"] == {**more["metrics"], "per_class": {}}
    assert (content["format"], content["device"], content["epochs_done"]) == (FORMAT, "cpu", 2)


@pytest.mark.parametrize("file", sorted(V0_1.glob("*/*/run.json")) + sorted(V0_1.glob("*/*/*/run.json")))
def test_a_record_of_version_0_1_says_what_it_said(file: Path) -> None:
    before = json.loads(file.read_text(encoding="utf-8"))
    found = RunRecord.load(file)
    assert found.format is None
    assert not found.damaged
    assert not found.extra
    now = found.to_json()
    assert {key: now[key] for key in before} == before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", 7),
        ("epochs_done", "many"),
        ("seed", True),
        ("params", -1),
        ("seconds", float("nan")),
        ("gflops", 10**400),
        ("choices", ["neck"]),
        ("overrides", "neck=conv"),
        ("metrics", 0.5),
        ("metrics", {"mAP50-95": "0.5"}),
        ("data", []),
        ("loggers", {"wandb": "x"}),
        ("error", 3),
        ("versions", "2.0"),
        ("weights_sha256", 12),
    ],
)
def test_a_damaged_field_is_unknown_and_the_others_are_read(tmp_path: Path, key: str, value: Any) -> None:
    put(tmp_path, {**FULL.to_json(), key: value})
    found = RunRecord.read(tmp_path)
    assert found is not None
    assert found.damaged == {key}
    assert found.identity == FULL.identity
    unknown = RunRecord()
    if key in RECORDED_COSTS:
        assert found.measured(key) is None
    elif key == "metrics":
        assert found.measured("mAP50-95") is None
    else:
        assert getattr(found, key) == getattr(unknown, key)


@pytest.mark.parametrize("content", ["", "[]", "3", "{", "\xff", '{"x":' + "[" * 150 + "]" * 150 + "}"])
def test_what_is_no_record_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / RUN_FILE).write_text(content, encoding="latin-1")
    assert RunRecord.read(tmp_path) is None
    assert state_of(tmp_path) == "to do"


def test_what_is_kept_can_be_written_back(tmp_path: Path) -> None:
    run = spec(tmp_path)
    (tmp_path / RUN_FILE).write_text(f'{{"identity": "{run.identity}", "x": {"[" * 99}{"]" * 99}, "y": {10**400}}}')
    RecordWriter(run).update(device="cpu")
    content = json.loads((tmp_path / RUN_FILE).read_text(encoding="utf-8"))
    assert content["y"] == 10**400


def test_a_damaged_metric_makes_a_finished_run_be_trained_again(tmp_path: Path) -> None:
    run = spec(tmp_path)
    put(tmp_path, {"status": "finished", "identity": run.identity, "metrics": {"mAP50-95": 0.5, "recall": 7}})
    writer = RecordWriter(run)
    assert (writer.finished, writer.flaw) == (False, "one of its metrics is no number from 0 to 1")


def test_a_death_is_written_for_a_run_that_has_not_begun_and_counted(tmp_path: Path) -> None:
    run = spec(tmp_path / "run")
    assert record_death(run, ValueError("no"))
    found = RunRecord.read(run.folder)
    assert found is not None
    assert (found.status, found.attempts, found.name, found.seed) == ("failed", 1, "run", 3)
    assert found.error is not None
    assert (found.error.type, found.error.message) == ("ValueError", "no")
    assert not exhausted(run)
    assert record_death(run, ValueError("no"))
    assert exhausted(run)
    assert state_of(run.folder, run.identity) == "failed"


def test_a_failed_record_from_before_attempts_were_counted_has_one() -> None:
    assert RunRecord.from_json({"status": "failed"}).attempts == 1
    assert RunRecord.from_json({"status": "failed", "attempts": 3}).attempts == 3


def test_metrics_are_those_of_the_table() -> None:
    found = Metrics.of({**dict.fromkeys(METRICS, 0.5), "per_class": {"cat": {"recall": 1}}})
    assert set(found.overall) == set(METRICS)
    assert found.per_class == {"cat": {"recall": 1.0}}


def test_one_module_names_run_json() -> None:
    """Whoever wants a record asks `RunRecord` for it."""
    named = {
        file.relative_to(SRC).as_posix()
        for file in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"(.*/)?run\.json", node.value)
    }
    assert named == {"runs/record.py"}
