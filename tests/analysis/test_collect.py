import json
from pathlib import Path
from typing import Any

import pytest

from helpers.made_runs import WriteRun
from yolograft.analysis.collect import collect, read_run
from yolograft.common.errors import UserError


def test_reads_every_run_of_a_sweep(sweep: Path) -> None:
    runs = {run.path.name: run for run in collect([sweep])}
    assert len(runs) == 8
    assert sorted(run.status for run in runs.values()) == ["damaged", "failed", *["finished"] * 5, "running"]
    stock = runs["yolo11_conv_n"]
    assert (stock.costs["params"], stock.seed, stock.costs["gflops"], stock.costs["seconds"]) == (
        2_582_347,
        0,
        6.3,
        83.2,
    )
    assert stock.metrics == {"mAP50": 0.7, "mAP50-95": 0.5, "precision": 0.8, "recall": 0.6}
    assert stock.choices["backbone"] == "yolo11"
    assert stock.error is None
    assert runs["mbv3_gsconv_n"].error == "OutOfMemoryError: no room for | 2 GiB"
    assert runs["effv2_gsconv_n"].error is not None
    assert runs["effv2_gsconv_n"].error.startswith("run.json: Unterminated string")


def test_a_run_below_two_of_the_folders_is_read_once(sweep: Path) -> None:
    assert len(collect([sweep, sweep.parent, sweep / "yolo11_conv_n"])) == 8


def test_a_single_run_is_a_folder_of_runs(sweep: Path) -> None:
    assert [run.name for run in collect([sweep / "yolo11_conv_n"])] == ["yolo11_conv_n_seed0"]


def test_hidden_folders_and_copies_inside_a_run_are_no_runs(sweep: Path, write_run: WriteRun) -> None:
    write_run(sweep / ".trash" / "old")
    write_run(sweep / "yolo11_conv_n" / "backup")
    assert len(collect([sweep])) == 8


def test_a_folder_without_a_run_is_named(sweep: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=r"empty: no run in it"):
        collect([sweep, empty])
    with pytest.raises(UserError, match=r"nowhere: no such folder"):
        collect([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"\xff\xfe", b"{", b"[" * 100_000, b'{"a": 1}x'], ids=range(7)
)
def test_what_is_no_record_is_damaged_and_says_why(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    run = read_run(tmp_path / "run.json")
    assert (run.status, run.name) == ("damaged", tmp_path.name)
    assert run.error is not None
    assert run.error.startswith("run.json: ")


def test_fields_of_a_wrong_type_or_not_finite_are_left_out(tmp_path: Path) -> None:
    record = {
        "status": 3,
        "choices": ["yolo11"],
        "seed": True,
        "params": "many",
        "gflops": float("nan"),
        "metrics": {"mAP50": None, "mAP50-95": float("inf"), "recall": 1},
        "seconds": 10**400,
        "epochs": 2.5,
        "error": 7,
    }
    (tmp_path / "run.json").write_text(json.dumps(record), encoding="utf-8")
    run = read_run(tmp_path / "run.json")
    assert (run.status, run.choices, run.metrics) == ("unknown", {}, {"recall": 1.0})
    assert (run.seed, run.epochs, run.error, run.costs) == (None, None, None, {})


def test_a_config_gives_settings_and_fold(tmp_path: Path, write_run: WriteRun) -> None:
    config = {
        "backbone": {"_target_": "some.Class", "variant": "b0"},
        "optim": {"lr0": 0.01},
        "dataset": {"fold": 2, "folds": 5},
        "imgsz": 640,
        "seed": 0,
        "workers": 8,
        "trainer": {"precision": "fp32", "threads": 4},
        "logger": {"kind": "wandb"},
        "name": "mine",
    }
    run = read_run(write_run(tmp_path / "run", config=config) / "run.json")
    assert run.block == (0, 2)
    assert dict(run.config) == {
        "backbone._target_": "some.Class",
        "backbone.variant": "b0",
        "optim.lr0": "0.01",
        "dataset.folds": "5",
        "imgsz": "640",
        "trainer.precision": "fp32",
        # What a config of before the keys says without them:
        "levels": "['P3', 'P4', 'P5']",
        "activation": "None",
    }


@pytest.mark.parametrize("text", ["a: [", "- 1", "", "a: !!python/object/apply:os.getcwd []", "\tx", "a: &x [*x]"])
def test_a_config_that_cannot_be_read_is_no_config(tmp_path: Path, write_run: WriteRun, text: str) -> None:
    folder = write_run(tmp_path / "run")
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    run = read_run(folder / "run.json")
    assert (run.status, run.fold) == ("finished", None)
    assert not {key for key in run.config if key != "a"}


def test_what_a_run_cost_and_how_it_was_made(tmp_path: Path, write_run: WriteRun) -> None:
    scores = {"mAP50-95": 0.5, "per_class": {"disc": {"mAP50-95": 0.4, "recall": None}, "odd": 3}}
    fields: dict[str, Any] = {
        "latency": 12.5,
        "device": "cpu",
        "precision": "fp32",
        "batch": 16,
        "data": {"fingerprint": "a-b"},
    }
    folder = write_run(tmp_path / "run", metrics=scores, versions={"torch": "2.15.0"}, **fields)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "best.safetensors").write_bytes(b"x" * 1234)
    run = read_run(folder / "run.json")
    assert (run.costs["size"], run.fingerprint) == (1234, "a-b")
    assert run.per_class == {"disc": {"mAP50-95": 0.4}, "odd": {}}
    assert run.conditions == {"device": "cpu", "precision": "fp32", "batch": "16"}
    assert run.versions == {"torch": "2.15.0"}


def test_the_traceback_of_a_failure_is_kept(sweep: Path) -> None:
    run = read_run(sweep / "mbv3_gsconv_n" / "run.json")
    assert (run.error, run.traceback) == ("OutOfMemoryError: no room for | 2 GiB", "…")
