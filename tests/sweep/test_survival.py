"""Sweeps that are killed, started twice, or hold runs that fail, as processes."""

import json
import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from helpers.sweeping import command, epochs, kill_group, logs, records, run, start, starters

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process groups and SIGKILL")


def finished(sweep: Path) -> set[str]:
    return {name for name, record in records(sweep).items() if record["status"] == "finished"}


@pytest.mark.slow
def test_killed_five_times_and_repeated_a_sweep_ends_as_if_undisturbed(tmp_path: Path) -> None:
    undisturbed, cut = tmp_path / "multirun" / "undisturbed", tmp_path / "multirun" / "cut"
    whole = start(tmp_path, command(tmp_path, "undisturbed", "epochs=3"))
    assert whole.wait(300) == 0, logs(tmp_path)

    chance = random.Random(1)
    done: dict[str, int] = {}
    for _ in range(5):
        before = epochs(tmp_path, "cut").total()
        process = start(tmp_path, command(tmp_path, "cut", "epochs=3"))
        deadline = time.monotonic() + 120
        while epochs(tmp_path, "cut").total() == before:
            assert process.poll() is None, logs(tmp_path)
            assert time.monotonic() < deadline, logs(tmp_path)
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 2.5))
        assert process.poll() is None, "it ended before it could be killed"
        kill_group(process, signal.SIGKILL)
        begun = epochs(tmp_path, "cut")
        assert all(begun[name] == count for name, count in done.items()), "a finished run was trained again"
        done = {name: begun[name] for name in finished(cut)}
    assert len(done) < 8, "all was done before the last kill"
    last = start(tmp_path, command(tmp_path, "cut", "epochs=3"))
    assert last.wait(300) == 0, logs(tmp_path)

    assert len(finished(cut)) == 8
    assert all(epochs(tmp_path, "cut")[name] == count for name, count in done.items())
    assert {name: record["epochs_done"] for name, record in records(cut).items()} == dict.fromkeys(finished(cut), 3)
    by_seed = {record["seed"]: name for name, record in records(undisturbed).items()}
    for name, record in records(cut).items():
        other = undisturbed / by_seed[record["seed"]]
        assert (cut / name / "metrics.csv").read_text() == (other / "metrics.csv").read_text()
        mine, theirs = (load_file(folder / "checkpoints" / "best.safetensors") for folder in (cut / name, other))
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    ledger = json.loads((cut / "sweep.json").read_text())
    assert [run["status"] for run in ledger["runs"]] == ["finished"] * 8


LAUNCHERS = ["basic", "joblib hydra.launcher.n_jobs=2", "submitit_local hydra.launcher.max_parallel=2"]
FAULTS = {"seed1": "raise", "seed3": "exit", "seed5": "kill"}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_failure_stays_in_its_run_and_only_it_is_tried_again(launcher: str, tmp_path: Path) -> None:
    sweep = tmp_path / "multirun" / "faulty"
    words = ["epochs=1", *f"hydra/launcher={launcher}".split()]
    arguments = command(tmp_path, "faulty", *words, faults=FAULTS)
    first = run(tmp_path, arguments)
    said = first.stdout + first.stderr
    assert first.returncode == 1, said
    told = {record["seed"]: record for record in records(sweep).values()}
    assert {seed: record["status"] for seed, record in told.items()} == {
        seed: "failed" if f"seed{seed}" in FAULTS else "finished" for seed in range(8)
    }
    assert told[1]["error"]["type"] == "ValueError"
    assert told[1]["error"]["message"] == "a fault of the test's own"
    assert told[3]["error"]["type"] == "SystemExit"
    assert "SIGKILL" in told[5]["error"]["message"]
    table = (sweep / "comparison.md").read_text(encoding="utf-8")
    names = {record["seed"]: name for name, record in records(sweep).items()}
    # at the end, each with its run: "NAME: failed: TYPE: MESSAGE"
    end = said[said.rindex("comparison.json") :]
    for seed in (1, 3, 5):
        reason = f"{told[seed]['error']['type']}: {told[seed]['error']['message']}"
        assert reason in table
        assert f"{names[seed]}: failed: {reason}" in end
    assert 'raise ValueError("a fault of the test\'s own")' in end
    ledger = json.loads((sweep / "sweep.json").read_text())
    assert sorted(run["status"] for run in ledger["runs"]) == ["failed"] * 3 + ["finished"] * 5

    begun = epochs(tmp_path, "faulty")
    mended = command(tmp_path, "faulty", *words, faults=FAULTS)
    (tmp_path / "witness.py").write_text(
        (tmp_path / "witness.py").read_text().replace("match self", "match None and self")
    )
    second = run(tmp_path, mended)
    assert second.returncode == 0, second.stdout + second.stderr
    again = epochs(tmp_path, "faulty") - begun
    assert set(again) <= {names[1], names[3], names[5]}
    assert {record["status"] for record in records(sweep).values()} == {"finished"}


@pytest.mark.slow
def test_two_commands_started_at_once_share_the_runs(tmp_path: Path) -> None:
    arguments = command(tmp_path, "shared", "epochs=2")
    both = [start(tmp_path, arguments), start(tmp_path, arguments)]
    assert [process.wait(300) for process in both] == [0, 0], logs(tmp_path)
    shared = records(tmp_path / "multirun" / "shared")
    assert [record["status"] for record in shared.values()] == ["finished"] * 8
    assert epochs(tmp_path, "shared") == dict.fromkeys(shared, 2), "a run was trained twice"
    assert len(starters(tmp_path, "shared")) == 2, "one of the commands did everything"


def test_a_run_that_failed_too_often_is_left_out_and_still_told(tmp_path: Path) -> None:
    arguments = command(tmp_path, "tired", "epochs=1", "attempts=1", seeds=2, faults={"seed1": "leave"})
    first = run(tmp_path, arguments)
    assert first.returncode == 1
    failed = next(r for r in records(tmp_path / "multirun" / "tired").values() if r["status"] == "failed")
    assert failed["attempts"] == 1
    assert "exit code 0" in failed["error"]["message"]
    begun = epochs(tmp_path, "tired")
    second = run(tmp_path, arguments)
    assert second.returncode == 1
    assert epochs(tmp_path, "tired") == begun
    assert "attempts=0 tries it again" in second.stderr
    assert "Killed: its process ended" in second.stderr
    third = run(tmp_path, [*arguments, "attempts=0"])
    assert third.returncode == 1
    assert sum((epochs(tmp_path, "tired") - begun).values()) == 1


def test_when_the_command_is_killed_alone_its_run_ends_too(tmp_path: Path) -> None:
    process = start(tmp_path, command(tmp_path, "orphan", "epochs=200", seeds=2))
    while not epochs(tmp_path, "orphan"):
        assert process.poll() is None, logs(tmp_path)
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_a_sweep_writes_its_checkpoint_and_starts_no_other_run(
    signum: signal.Signals, code: int, tmp_path: Path
) -> None:
    process = start(tmp_path, command(tmp_path, "stopped", "epochs=200", seeds=2))
    while not epochs(tmp_path, "stopped"):
        assert process.poll() is None, logs(tmp_path)
        time.sleep(0.05)
    if signum == signal.SIGINT:  # the terminal sends Ctrl-C to all of them
        os.killpg(process.pid, signum)
    else:
        process.send_signal(signum)
    assert process.wait(60) == code, logs(tmp_path)
    (record,) = records(tmp_path / "multirun" / "stopped").values()
    assert record["status"] == "stopped"
    (run,) = (tmp_path / "multirun" / "stopped").glob("*/checkpoints/last.ckpt")
    assert not list(run.parents[1].glob("run.lock*"))
    assert "Traceback" not in logs(tmp_path)


def test_without_isolation_an_exit_stays_in_its_run_too(tmp_path: Path) -> None:
    faults = {"seed0": "raise", "seed1": "exit"}
    arguments = command(tmp_path, "together", "epochs=1", "isolate=false", seeds=3, faults=faults)
    done = run(tmp_path, arguments)
    assert done.returncode == 1
    told = records(tmp_path / "multirun" / "together").values()
    assert {r["seed"]: r["status"] for r in told} == {0: "failed", 1: "failed", 2: "finished"}
    # one process for all: its parent is this test
    assert starters(tmp_path, "together") == {str(os.getpid())}
