"""The ledger of a sweep and the command that lists sweeps, from folders made by hand."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file

from helpers.program import Program
from yolograft.cli.command_line import check_command_line
from yolograft.runs import lock
from yolograft.runs.states import state_of
from yolograft.sweep import ledger
from yolograft.sweep.ledger import Ledger


def write_run(folder: Path, **fields: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    told = {"status": "finished", "identity": "a", "epochs": 10, "epochs_done": 10, "seconds": 100.0} | fields
    (folder / "run.json").write_text(json.dumps(told))
    (folder / "checkpoints").mkdir(exist_ok=True)
    save_file({"weight": np.zeros(1, np.float32)}, folder / "checkpoints" / "best.safetensors")
    return folder


def hold(folder: Path) -> None:
    process = psutil.Process(os.getppid())
    told = {"host": lock.machine(), "pid": process.pid, "started": process.create_time(), "token": "x"}
    (folder / lock.LOCK).write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("status", "held", "state"),
    [
        ("finished", False, "finished"),
        ("finished", True, "finished"),
        ("running", True, "running"),
        ("running", False, "stopped"),
        ("stopped", False, "stopped"),
        ("stopped", True, "running"),
        ("failed", False, "failed"),
        ("failed", True, "running"),
    ],
)
def test_a_state_is_the_records_word_and_whether_somebody_is_at_it(
    status: str, held: bool, state: str, tmp_path: Path
) -> None:
    folder = write_run(tmp_path / "run", status=status)
    if held:
        hold(folder)
    assert state_of(folder, "a") == state


def test_a_finished_run_without_its_weights_is_not_finished(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    (folder / "checkpoints" / "best.safetensors").write_bytes(b"damaged")
    assert state_of(folder, "a") == "stopped"
    (folder / "checkpoints" / "best.safetensors").unlink()
    assert state_of(folder, "a") == "stopped"


def test_another_runs_or_a_damaged_record_says_nothing(tmp_path: Path) -> None:
    assert state_of(write_run(tmp_path / "run"), "b") == "to do"
    (tmp_path / "run" / "run.json").write_text("{")
    assert state_of(tmp_path / "run", "a") == "to do"
    assert state_of(tmp_path / "nowhere", "a") == "to do"


def test_commands_in_one_folder_unite_their_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = check_command_line("train", ["-m", "neck=conv,gsconv", "name=both"]).jobs
    second = check_command_line("train", ["-m", "neck=gsconv,slim", "name=both"]).jobs
    folder = first[0].folder.parent
    Ledger.open(folder, "one", "grid", first)
    created = ledger.read(folder)["created"]
    write_run(first[1].folder, identity=first[1].identity)
    mine = Ledger.open(folder, "two", "grid", second[:1], dropped=[(second[1], "params=9")])
    told = ledger.read(folder)
    assert {run["name"]: run["status"] for run in told["runs"]} == {first[0].name: "to do", first[1].name: "finished"}
    assert told["dropped"] == [{"name": second[1].name, "overrides": second[1].overrides, "reason": "params=9"}]
    assert (told["command"], told["created"]) == ("two", created)
    assert mine.unfinished() == [], "the other command's runs are not its affair"
    write_run(first[0].folder, identity=first[0].identity, status="failed")
    mine.renew()
    assert [run["status"] for run in ledger.read(folder)["runs"]] == ["failed", "finished"]


def test_sweeps_are_listed_with_what_is_left(tmp_path: Path, yolograft: Program) -> None:
    sweep = tmp_path / "multirun" / "grid"
    states: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {"seconds": 300.0},
        "c": {"status": "failed"},
        "d": {"status": "running", "epochs_done": 5},
    }
    for name, fields in states.items():
        write_run(sweep / name, **fields)
    runs = [{"name": name, "identity": "a", "overrides": [], "status": "to do"} for name in "abcde"]
    (sweep / "sweep.json").write_text(json.dumps({"command": "c", "runs": runs, "dropped": [{"reason": "x"}]}))
    write_run(tmp_path / "multirun" / "old" / "only")  # before there were ledgers
    (tmp_path / "multirun" / "old" / "multirun.yaml").touch()
    done = yolograft("sweeps", "format=json")
    assert done.returncode == 0, done.stderr
    old, grid = sorted(json.loads(done.stdout), key=lambda one: one["runs"])
    counted = {state: grid[state] for state in ("finished", "failed", "stopped", "running", "to do", "dropped")}
    assert counted == {"finished": 2, "failed": 1, "stopped": 1, "running": 0, "to do": 1, "dropped": 1}
    assert grid["seconds_left"] == pytest.approx(1.5 * 200)
    assert (old["path"], old["finished"], old["seconds_left"]) == ("multirun/old", 1, 0)
    shown = yolograft("sweeps")
    assert "multirun/grid" in shown.stdout
    assert "5m00s" in shown.stdout


def test_no_folder_and_no_sweep_are_said_in_one_line(tmp_path: Path, yolograft: Program) -> None:
    done = yolograft("sweeps")
    assert done.returncode == 2
    assert done.stderr.startswith("yolograft: root=multirun: no such folder")
    (tmp_path / "multirun").mkdir()
    assert yolograft("sweeps").stdout.strip() == "no sweep below multirun"
    assert yolograft("sweeps", "format=json").stdout.strip() == "[]"
