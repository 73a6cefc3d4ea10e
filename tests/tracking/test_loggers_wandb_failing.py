"""W&B when something fails: a training goes on and loses nothing, whatever the server or a process does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.standin_wandb import KEY, StandIn
from helpers.tiny import TINY, record
from helpers.wandb_runs import SETTINGS, inspected, log_epochs, rows, the_record, told, tracked
from yolograft.runs.record import RunRecord
from yolograft.tracking.wandb import WandbLogger
from yolograft.tracking.wandb_server import upload_command

MOST = 5.0
"""Seconds that a server may cost a training; what they hold is far below, since machines are slow at times."""


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
from helpers.wandb_runs import SETTINGS, log_epochs, tracked
from yolograft.runs.record import RunRecord
from yolograft.tracking.wandb import WandbLogger
logger = WandbLogger(tracked(Path(sys.argv[1])), SETTINGS)
log_epochs(logger)
print("logged", flush=True)
sys.stdin.readline()
logger.close("finished", RunRecord())
"""

    def seconds_to_end(folder: Path, silent: bool) -> float:
        with (
            StandIn() as standin,
            subprocess.Popen(
                [sys.executable, "-c", script, str(folder)],
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
from helpers.wandb_runs import SETTINGS, tracked
from yolograft.tracking.wandb import WandbLogger
logger = WandbLogger(tracked(Path(sys.argv[1])), {**SETTINGS, "mode": sys.argv[2]})
epoch = 0
while True:
    epoch += 1
    logger.log_metrics({"epoch": epoch, "time": time.time()}, epoch)
    print(epoch, flush=True)
    time.sleep(0.05)
"""
    with StandIn() as standin:
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), mode],
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
        if module.schedule.seed == 1:
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
