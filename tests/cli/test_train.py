"""What a user does with `yolograft train`, as processes: run, repeat, sweep, be cut off, read the folder."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from helpers.program import Program
from yolograft.runs.identity import identity

TINY = (
    "dataset.train=16",
    "dataset.val=8",
    "dataset.size=64",
    "imgsz=64",
    "batch=8",
    "device=cpu",
    "trainer.threads=1",
    "trainer.precision=fp32",
)
QUICK = (*TINY, "trainer.plots=false")


def only_run(folder: Path) -> Path:
    """Return the one run folder below a folder."""
    (record,) = folder.glob("*/run.json")
    return record.parent


def read(run: Path) -> dict:
    return json.loads((run / "run.json").read_text(encoding="utf-8"))


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoints" / "best.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one small training was run, with pictures."""
    folder = tmp_path_factory.mktemp("trained")
    done = subprocess.run(
        [sys.executable, "-m", "yolograft", "train", *TINY, "epochs=2"],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "leaked" not in done.stderr  # libraries that look at the end whether all of theirs was freed
    return folder


def test_a_run_leaves_what_the_design_promises(trained: Path) -> None:
    run = only_run(trained / "runs")
    record = read(run)
    assert record["status"] == "finished"
    assert record["epochs_done"] == 2
    assert record["seed"] == 0
    assert record["error"] is None
    assert record["choices"]["backbone"] == "yolo11"
    assert record["params"] == sum(record["parts"].values())
    assert set(record["metrics"]) == {"mAP50", "mAP50-95", "precision", "recall", "per_class"}
    assert record["data"]["train"]["images"] == 16
    assert record["data"]["val"]["images"] == 8
    assert {"torch", "ultralytics", "pytorch-lightning", "timm", "yolograft"} <= set(record["versions"])
    assert record["command"].startswith("yolograft train")
    for file in ("config.yaml", "train.log", ".hydra/overrides.yaml", "checkpoints/last.ckpt"):
        assert (run / file).stat().st_size > 0
    for picture in ("curves.png", "labels.jpg", "train_batch.jpg", "confusion_matrix.png", "val_batch0_pred.jpg"):
        assert (run / "plots" / picture).stat().st_size > 5000
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"train/box_loss", "val/dfl_loss", "metrics/mAP50-95", "lr/pg0"} <= set(rows[0])
    best = max(float(row["metrics/mAP50-95"]) for row in rows)
    assert record["metrics"]["mAP50-95"] == pytest.approx(best, abs=1e-9)


def test_the_saved_config_is_the_run(trained: Path) -> None:
    from omegaconf import OmegaConf

    run = only_run(trained / "runs")
    config = OmegaConf.to_container(OmegaConf.load(run / "config.yaml"))
    assert isinstance(config, dict)
    assert identity({str(k): v for k, v in config.items()}) == read(run)["identity"]


def test_a_finished_run_returns_at_once_and_is_left_alone(trained: Path, yolograft: Program) -> None:
    run = only_run(trained / "runs")
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.suffix in (".json", ".csv", ".ckpt", ".safetensors")}
    done = yolograft("train", *TINY, "epochs=2", cwd=trained)
    assert done.returncode == 0
    assert "finished already" in done.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_val_repeats_the_runs_metrics(trained: Path, yolograft: Program) -> None:
    run = only_run(trained / "runs")
    done = yolograft("val", f"run={run}", "format=json", "device=cpu", cwd=trained)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    for name in ("mAP50", "mAP50-95", "precision", "recall"):
        assert answer[name] == pytest.approx(read(run)["metrics"][name], abs=1e-6)


def test_workers_do_not_change_the_result_and_seeds_do(tmp_path: Path, yolograft: Program) -> None:
    texts = {}
    for key, extra in {"auto": (), "0": ("workers=0",), "2": ("workers=2",), "seed": ("seed=1",)}.items():
        done = yolograft("train", *QUICK, "epochs=2", f"project={key}", *extra)
        assert done.returncode == 0, done.stderr
        texts[key] = (only_run(tmp_path / key) / "metrics.csv").read_text()
    assert texts["auto"] == texts["0"] == texts["2"]
    assert texts["auto"] != texts["seed"]


def test_a_killed_run_ends_as_if_it_had_not_been(tmp_path: Path, yolograft: Program) -> None:
    command = [sys.executable, "-m", "yolograft", "train", *QUICK, "epochs=4"]
    done = yolograft("train", *QUICK, "epochs=4", "project=whole")
    assert done.returncode == 0, done.stderr
    whole = only_run(tmp_path / "whole")

    child = subprocess.Popen([*command, "project=cut"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("cut/*/checkpoints/last.ckpt")):
        assert time.monotonic() < deadline
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    child.wait()
    cut = only_run(tmp_path / "cut")
    assert read(cut)["status"] == "running"
    done = yolograft("train", *QUICK, "epochs=4", "project=cut")
    assert done.returncode == 0, done.stderr
    assert "Going on after" in done.stderr
    assert (cut / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()
    assert same(weights(cut), weights(whole))


def test_a_sweep_goes_on_after_a_failure_and_says_so(tmp_path: Path, yolograft: Program) -> None:
    models = "backbone.model=resnet10t,vit_tiny_patch16_224"
    arguments = ("train", "-m", *QUICK, "epochs=1", "backbone=timm", models, "neck=conv", "name=mixed")
    done = yolograft(*arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    runs = {run.parent.name: read(run.parent) for run in (tmp_path / "multirun" / "mixed").glob("*/run.json")}
    assert sorted(run["status"] for run in runs.values()) == ["failed", "finished"]
    (failed,) = (run for run in runs.values() if run["status"] == "failed")
    assert "vit_tiny_patch16_224" in failed["error"]["message"]
    table = (tmp_path / "multirun" / "mixed" / "comparison.md").read_text(encoding="utf-8")
    assert "failed" in table
    assert "vit_tiny_patch16_224" in done.stderr

    again = yolograft("report", "runs=multirun/mixed", "format=json")
    assert again.returncode == 0, again.stderr
    assert sorted(row["status"] for row in json.loads(again.stdout)["rows"]) == ["failed 0/1", "finished"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("dataset=yolo", "dataset.path=nowhere.yaml"), "nowhere.yaml"),
        (("device=7",), "device=7"),
        (("batch=-1", "device=cpu"), "batch=-1"),
        (("freeze=[neck.nothing]", *QUICK), "neck.nothing"),
        (("backbone=timm", "backbone.model=resnet999"), "resnet999"),
    ],
)
def test_what_only_the_run_can_find_out_is_one_line_too(
    arguments: tuple[str, ...], named: str, yolograft: Program
) -> None:
    if "device=7" in arguments and torch.cuda.device_count() > 7:
        pytest.skip("this machine has that GPU")
    done = yolograft("train", *arguments, "epochs=1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert named in done.stderr.strip().splitlines()[-1]


def test_nothing_is_asked_on_a_terminal_less_machine(yolograft: Program) -> None:
    done = yolograft(
        "train", *QUICK, "epochs=1", "logger=wandb", "logger.mode=online", WANDB_API_KEY="", HOME=os.devnull
    )
    assert done.returncode == 2
    assert "no W&B key" in done.stderr
