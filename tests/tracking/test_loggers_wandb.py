"""W&B: one run for each run, online where its server answers, on disk always."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.standin_wandb import KEY, StandIn
from helpers.wandb_runs import SETTINGS, inspected, log_epochs, rows, the_record, told, tracked
from yolograft.evaluation.pictures import Picture
from yolograft.runs.predictions import Box
from yolograft.runs.record import RunError, RunRecord
from yolograft.tracking.base import Memory
from yolograft.tracking.loggers import check_logger
from yolograft.tracking.wandb import WandbLogger
from yolograft.tracking.wandb_server import upload_command


def test_a_run_tells_the_server_all_of_itself(server: StandIn, tmp_path: Path) -> None:
    remembered: list[dict[str, Any]] = []
    logger = WandbLogger(tracked(tmp_path, Memory(save=remembered.append)), SETTINGS)
    assert logger.online
    log_epochs(logger)
    box = Box(1, (0.1, 0.2, 0.5, 0.6), 0.75)
    logger.log_pictures([Picture("a.png", np.zeros((32, 32, 3), np.uint8), [box], [box])], {0: "cat", 1: "dog"}, 2)
    summed = {"params": 10, "parts": {"neck": 4}, "gflops": 0.1, "metrics": {"mAP50-95": 0.4}}
    logger.close("finished", RunRecord.from_json(summed))

    said, name = server.runs[logger.id], logger.id
    assert (said["project"], said["groupName"], said["jobType"]) == ("lab", "backbones", "train")
    assert said["displayName"] == "effv1-b0_gsconv_n_seed0"
    assert set(said["tags"]) == {"backbone=effv1", "neck=gsconv", "mine"}
    config = json.loads(said["config"])
    assert config["optim"]["value"] == {"lr0": 0.01}
    assert config["choices"]["value"] == {"backbone": "effv1", "neck": "gsconv"}
    epochs = [row["epoch"] for row in server.history[name] if "metrics/mAP50-95" in row]
    assert epochs == [1, 2, 3]
    summary = server.summary[name]
    assert summary["metrics/mAP50-95"] == {"max": 0.4}
    expected = {"params": 10, "parts/neck": 4, "gflops": 0.1, "mAP50-95": 0.4, "status": "finished"}
    assert expected.items() <= summary.items()
    boxes = [content for path, content in server.files.items() if "boxes2D" in path]
    (drawn,) = {json.loads(content)["box_data"][0]["box_caption"] for content in boxes}
    assert drawn == "dog 0.75"
    assert any(path.endswith(".jpg") for path in server.files)
    assert server.exit_codes[name] == 0
    assert remembered[-1]["id"] == name
    assert upload_command(tmp_path) is None


def test_curves_are_over_epochs_and_their_best_is_the_maximum(tmp_path: Path, server: StandIn) -> None:
    logger = WandbLogger(tracked(tmp_path), {**SETTINGS, "mode": "offline"})
    log_epochs(logger)
    logger.close("finished", RunRecord())
    defined = {
        m["glob_name"]: m for entry in inspected(the_record(tmp_path)) if "glob_name" in (m := entry.get("metric", {}))
    }
    assert {name: entry["step_metric"] for name, entry in defined.items()} == dict.fromkeys(
        ("train/*", "val/*", "lr/*", "metrics/*"), "epoch"
    )
    assert defined["metrics/*"]["summary"] == {"max": True}
    assert not server.operations


@pytest.mark.parametrize("asked", [True, False])
def test_weights_are_an_artifact_when_asked(tmp_path: Path, server: StandIn, asked: bool) -> None:
    logger = WandbLogger(tracked(tmp_path), {**SETTINGS, "mode": "offline", "weights": asked})
    weights = tmp_path / "best.safetensors"
    weights.write_bytes(b"weights")
    logger.log_weights(weights)
    logger.close("finished", RunRecord())
    artifacts = [entry["artifact"] for entry in inspected(the_record(tmp_path)) if entry["type"] == "artifact"]
    files = [file for artifact in artifacts for file in artifact["manifest"]["contents"]]
    # Where they lie: W&B would copy them into the home folder.
    assert [file["local_path"] for file in files] == ([str(weights)] if asked else [])


@pytest.mark.parametrize(("status", "code"), [("finished", 0), ("failed", 1), ("stopped", 255)])
def test_runs_of_one_process_are_runs_of_their_own_and_end_as_they_ended(
    server: StandIn, tmp_path: Path, status: Any, code: int
) -> None:
    first = WandbLogger(tracked(tmp_path / "first"), {**SETTINGS, "mode": "offline"})
    log_epochs(first)
    first.close(
        status, RunRecord.from_json({"error": {"type": "ValueError", "message": "no"}} if status == "failed" else {})
    )
    second = WandbLogger(tracked(tmp_path / "second", name="second"), {**SETTINGS, "mode": "offline"})
    log_epochs(second, last=1)
    second.close("finished", RunRecord())
    ends = [told(the_record(tmp_path / name)) for name in ("first", "second")]
    assert [end["exit_code"] for end in ends] == [code, 0]
    assert [end["summary"]["status"] for end in ends] == [status, "finished"]
    assert ends[0]["run_id"] != ends[1]["run_id"]
    assert [len(rows(the_record(tmp_path / name))) for name in ("first", "second")] == [3, 1]
    if status == "failed":
        assert ends[0]["summary"]["error"] == "ValueError: no"


@pytest.mark.parametrize("mode", ["auto", "offline"])
def test_a_run_that_goes_on_is_the_same_run(server: StandIn, tmp_path: Path, mode: str) -> None:
    remembered: list[dict[str, Any]] = []
    settings = {**SETTINGS, "mode": mode}
    first = WandbLogger(tracked(tmp_path, Memory(save=remembered.append)), settings)
    log_epochs(first, last=2)
    first.close("stopped", RunRecord(error=RunError("StoppedError", "stopped by SIGTERM")))
    (tmp_path / "metrics.csv").write_text("epoch,metrics/mAP50-95\n1,0.4\n2,0.3\n", encoding="utf-8")
    time.sleep(1)  # W&B's folders are named by the second
    second = WandbLogger(tracked(tmp_path, Memory(remembered[-1])), settings)
    log_epochs(second, first=3)
    second.close("finished", RunRecord())
    if mode == "offline":
        folders = sorted(map(str, (tmp_path / "wandb").glob("offline-run-*")))
        subprocess.run([sys.executable, "-m", "wandb", "sync", *folders], capture_output=True, timeout=60, check=True)
    assert list(server.runs) == [first.id]
    assert [row["epoch"] for row in server.history[first.id]] == [1, 2, 3]
    summary = server.summary[first.id]
    assert (summary["status"], summary["error"]) == ("finished", "")
    assert summary["metrics/mAP50-95"] == {"max": 0.4}
    assert server.exit_codes[first.id] == 0


def test_without_a_key_it_records_on_disk_and_asks_nobody(
    server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    logger = WandbLogger(tracked(tmp_path), SETTINGS)
    log_epochs(logger)
    logger.close("finished", RunRecord())
    assert not server.operations
    assert told(the_record(tmp_path))["state"] == "finished"
    with pytest.raises(Exception, match="no W&B key is set"):
        check_logger({**SETTINGS, "mode": "online"})


def test_a_key_in_netrc_is_found(server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login user password {KEY}\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    check_logger({**SETTINGS, "mode": "online"})
