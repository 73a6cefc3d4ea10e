"""W&B: one run for each run, online where its server answers, on disk always, and never in a training's way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.standin_wandb import KEY, StandIn
from helpers.tiny import TINY, record
from yolograft.evaluation.pictures import Picture
from yolograft.runs.predictions import Box
from yolograft.runs.record import RunError, RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.tracking.base import Memory, TrackedRun
from yolograft.tracking.loggers import check_logger
from yolograft.tracking.wandb import WandbLogger
from yolograft.tracking.wandb_server import upload_command

SETTINGS = {"kind": "wandb", "project": "lab", "entity": None, "mode": "auto", "tags": ["mine"], "pictures": 1,
            "weights": False}  # fmt: skip
MOST = 5.0
"""Seconds that a server may cost a training; what they hold is far below, since machines are slow at times."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A W&B server that this process finds, and knows the key of."""
    import wandb

    wandb.teardown()
    with StandIn() as standin:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            monkeypatch.delenv(name)
        for name, value in standin.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
        yield standin
        wandb.teardown()


def tracked(folder: Path, memory: Memory | None = None, name: str = "effv1-b0_gsconv_n_seed0") -> TrackedRun:
    folder.mkdir(exist_ok=True)
    spec = RunSpec(
        {"optim": {"lr0": 0.01}, "seed": 0}, folder, {"backbone": "effv1", "neck": "gsconv"}, [], "backbones"
    )
    return TrackedRun(spec, name, memory or Memory())


def inspected(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a run on disk, read with W&B's own tool."""
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def told(folder: Path) -> dict[str, Any]:
    """Return what W&B's tool says of a run on disk as a whole."""
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(folder)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the logged rows of a run on disk."""
    return [entry["history"]["item"] for entry in inspected(folder) if entry["type"] == "history"]


def the_record(folder: Path) -> Path:
    (found,) = (path for path in (folder / "wandb").glob("*run-*") if path.name != "latest-run")
    return found


def log_epochs(logger: WandbLogger, first: int = 1, last: int = 3) -> None:
    for epoch in range(first, last + 1):
        logger.log_metrics({"epoch": epoch, "metrics/mAP50-95": 0.5 - epoch / 10, "train/box_loss": 1.0}, epoch)


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


@pytest.mark.parametrize("server_is", ["away", "silent", "refusing the key"])
def test_a_server_that_does_not_let_us_in_costs_seconds_and_no_record(
    server: StandIn, tmp_path: Path, server_is: str
) -> None:
    server.silent, server.refuses = server_is == "silent", server_is == "refusing the key"
    if server_is == "away":
        server.die()
    began = time.monotonic()
    logger = WandbLogger(tracked(tmp_path), SETTINGS)
    log_epochs(logger)
    logger.close("finished", RunRecord())
    assert time.monotonic() - began < MOST
    assert not logger.online
    record = the_record(tmp_path)
    assert [row["epoch"] for row in rows(record)] == [1, 2, 3]
    assert told(record)["state"] == "finished"
    assert upload_command(tmp_path) == f"wandb sync {tmp_path}/wandb/offline-run-*"


def test_a_server_that_falls_silent_while_the_run_begins_costs_seconds_and_no_record(
    server: StandIn, tmp_path: Path
) -> None:
    server.silent_after = "Viewer"  # the question whether it is there is the last that it answers
    began = time.monotonic()
    logger = WandbLogger(tracked(tmp_path), SETTINGS)
    assert not logger.online
    log_epochs(logger)
    logger.close("finished", RunRecord())
    assert time.monotonic() - began < MOST + 2  # W&B's service is started twice
    offline = next((tmp_path / "wandb").glob("offline-run-*"))
    assert [row["epoch"] for row in rows(offline)] == [1, 2, 3]


@pytest.mark.parametrize("end", ["dies", "falls silent"])
def test_a_server_that_ends_in_mid_run_costs_seconds_and_what_it_has_not_got_is_uploaded_later(
    server: StandIn, tmp_path: Path, end: str
) -> None:
    logger = WandbLogger(tracked(tmp_path), SETTINGS)
    assert logger.online
    log_epochs(logger)
    if end == "dies":
        server.die()
    else:
        server.silent = True
    began = time.monotonic()
    log_epochs(logger, first=4, last=6)
    logged = time.monotonic()
    logger.close("finished", RunRecord())
    assert logged - began < 1
    assert time.monotonic() - began < MOST
    record = the_record(tmp_path)
    assert [row["epoch"] for row in rows(record)] == [1, 2, 3, 4, 5, 6]

    command = upload_command(tmp_path)
    assert command == f"wandb sync --include-online {record}"
    with StandIn() as later:
        environment = {**os.environ, **later.env}
        done = subprocess.run(
            [sys.executable, "-m", *command.split()],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0
        assert [row["epoch"] for row in later.history[logger.id]] == [1, 2, 3, 4, 5, 6]
    assert upload_command(tmp_path) is None


@pytest.mark.slow  # loads everything twice
def test_a_silent_server_does_not_hold_up_the_end_of_the_process(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1])))
from test_loggers_wandb import SETTINGS, RunRecord, WandbLogger, log_epochs, tracked
logger = WandbLogger(tracked(Path(sys.argv[2])), SETTINGS)
log_epochs(logger)
print("logged", flush=True)
sys.stdin.readline()
logger.close("finished", RunRecord())
"""

    def seconds_to_end(folder: Path, silent: bool) -> float:
        with (
            StandIn() as standin,
            subprocess.Popen(
                [sys.executable, "-c", script, str(Path(__file__).parent), str(folder)],
                env={**os.environ, **standin.env, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "logged\n"
            standin.silent = silent
            began = time.monotonic()
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.wait(timeout=60) == 0
            return time.monotonic() - began

    assert seconds_to_end(tmp_path / "a", silent=True) - seconds_to_end(tmp_path / "b", silent=False) < MOST


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("mode", ["offline", pytest.param("online", marks=pytest.mark.slow)])
def test_a_killed_process_loses_at_most_the_last_two_seconds(tmp_path: Path, mode: str) -> None:
    script = """
import sys, time
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1])))
from test_loggers_wandb import SETTINGS, WandbLogger, tracked
logger = WandbLogger(tracked(Path(sys.argv[2])), {**SETTINGS, "mode": sys.argv[3]})
epoch = 0
while True:
    epoch += 1
    logger.log_metrics({"epoch": epoch, "time": time.time()}, epoch)
    print(epoch, flush=True)
    time.sleep(0.05)
"""
    with StandIn() as standin:
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(Path(__file__).parent), str(tmp_path), mode],
            env={**os.environ, **standin.env, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        while int(process.stdout.readline()) < 80:
            pass
        os.kill(process.pid, signal.SIGKILL)
        killed = time.time()
        process.wait()
        time.sleep(0.2)
        found = rows(the_record(tmp_path))
    assert killed - found[-1]["time"] <= 2
    assert [row["epoch"] for row in found] == list(range(1, len(found) + 1))


def test_a_broken_logger_does_not_stop_a_training(
    server: StandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    logger = WandbLogger(tracked(tmp_path), {**SETTINGS, "mode": "offline"})
    logger._run.finish()
    log_epochs(logger)
    logger.close("finished", RunRecord())
    assert [line for line in caplog.messages if "the training goes on without it" in line] == caplog.messages[-1:]


RAISES = """
import pytorch_lightning as pl
class Raises(pl.Callback):
    def on_train_epoch_end(self, trainer, module):
        if module.seed == 1:
            raise RuntimeError("the second fails")
"""


@pytest.mark.slow
@pytest.mark.parametrize("isolate", ["true", "false"])
def test_three_runs_of_a_sweep_are_three_records_though_the_second_fails(
    yolograft: Any, tmp_path: Path, isolate: str
) -> None:
    (tmp_path / "failing.py").write_text(RAISES, encoding="utf-8")
    done = yolograft(
        "train", "-m", *TINY, "seed=0,1,2", "name=three", "logger=wandb", "logger.mode=offline", f"isolate={isolate}",
        "+callbacks.raises._target_=failing.Raises", WANDB_API_KEY=KEY,
    )  # fmt: skip
    assert done.returncode == 1
    sweep = tmp_path / "multirun" / "three"
    runs = sorted(path.parent for path in sweep.glob("*/run.json"))
    records = [told(the_record(run)) for run in runs]
    assert [record["exit_code"] for record in records] == [0, 1, 0]
    assert [record["config"]["seed"] for record in records] == [0, 1, 2]
    assert [record["config"]["choices"]["backbone"] for record in records] == ["yolo11"] * 3
    assert [record["summary"]["status"] for record in records] == ["finished", "failed", "finished"]
    assert "the second fails" in records[1]["summary"]["error"]
    assert len({record["run_id"] for record in records}) == 3
    for run, entry in zip(runs, records, strict=True):
        written = record(run)
        assert written["loggers"]["wandb"]["id"] == entry["run_id"]
        if written["status"] == "finished":
            assert entry["summary"]["mAP50-95"] == pytest.approx(written["metrics"]["mAP50-95"])
            assert entry["summary"]["params"] == written["params"]
            assert len([row for row in rows(the_record(run)) if "train/box_loss" in row]) == 2
    (said,) = [line for line in done.stderr.splitlines() if "wandb sync" in line]
    with StandIn() as standin:
        command = f"{sys.executable} -m {said[said.index('wandb sync') :]}"
        environment = {**os.environ, **standin.env}
        subprocess.run(command, shell=True, cwd=tmp_path, env=environment, timeout=60, check=True, capture_output=True)
        assert {entry["run_id"] for entry in records} < set(standin.runs)  # and the report
        assert {standin.exit_codes[entry["run_id"]] for entry in records} == {0, 1}
    assert upload_command(sweep) is None
    report = told(the_record(sweep))
    assert report["summary"]["comparison"]["_type"] == "table-file"
    (job,) = {entry["run"]["job_type"] for entry in inspected(the_record(sweep)) if entry["type"] == "run"}
    assert job == "report"
    keys = [file for file in tmp_path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    assert keys == []


TIMED = """
import sys, time
import wandb  # loading it takes seconds on a busy machine, and is no server's fault
from yolograft.cli.main import main
from yolograft.training import run
from yolograft.tracking.base import RunLogger

spent = 0.0

def timed(function):
    def call(*arguments, **named):
        global spent
        began = time.monotonic()
        try:
            return function(*arguments, **named)
        finally:
            spent += time.monotonic() - began
    return call

run.open_logger = timed(run.open_logger)
for name in ("log_metrics", "log_pictures", "log_weights", "close"):
    setattr(RunLogger, name, timed(getattr(RunLogger, name)))
code = main(sys.argv[1:])
print("spent", spent)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("server_is", ["away", "silent", "dying", "falling silent"])
def test_a_training_ends_normally_whatever_the_server_does(tmp_path: Path, server_is: str) -> None:
    with StandIn() as standin:
        if server_is == "away":
            standin.die()
        standin.silent = server_is == "silent"
        standin.dies_after = "UpsertBucket" if server_is == "dying" else None
        standin.silent_after = "UpsertBucket" if server_is == "falling silent" else None
        done = subprocess.run(
            [sys.executable, "-c", TIMED, "train", *TINY, "logger=wandb", f"logger.weights={server_is == 'dying'}"],
            cwd=tmp_path,
            env={**os.environ, **standin.env, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    spent = float(done.stdout.rpartition("spent ")[2])
    assert spent < MOST
    (run,) = (tmp_path / "runs").iterdir()
    assert len([row for row in rows(the_record(run)) if "train/box_loss" in row]) == 2
    assert record(run)["status"] == "finished"
    assert record(run)["metrics"]["mAP50-95"] == told(the_record(run))["summary"]["mAP50-95"]
    assert "wandb sync" in done.stderr
