"""Launchers: runs side by side, what they share, how they stop, what is refused."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from filelock import FileLock

from helpers.program import Program
from helpers.tiny import TINY, record
from yolograft.compute.devices import resolve
from yolograft.compute.sharing import JOBS_PER_MACHINE, cores, own_cores, take
from yolograft.runs.spec import RunSpec
from yolograft.sweep.executors import slurm
from yolograft.sweep.executors.side_by_side import faster_side_by_side, side_by_side

TWO = ["joblib hydra.launcher.n_jobs=2", "submitit_local hydra.launcher.max_parallel=2"]


def by_seed(sweep: Path) -> dict[int, dict[str, Any]]:
    return {told["seed"]: told for told in (record(file.parent) for file in sweep.glob("*/run.json"))}


def started(folder: Path, launcher: str, at_work: int) -> "tuple[subprocess.Popen[str], Path]":
    """Start a sweep of three long runs, and wait until so many are at work."""
    words = ["epochs=300", "seed=0,1,2", "name=s", *f"hydra/launcher={launcher}".split()]
    process = subprocess.Popen(
        [sys.executable, "-m", "yolograft", "train", "-m", *TINY, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    sweep, deadline = folder / "multirun" / "s", time.monotonic() + 120
    while sum(told["epochs_done"] > 1 for told in by_seed(sweep).values()) < at_work:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return process, sweep


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process could handle")
@pytest.mark.parametrize(
    ("launcher", "at_work", "signum", "code"),
    [
        *[(launcher, {0, 1}, signal.SIGTERM, 143) for launcher in TWO],
        *[(launcher, {0, 1}, signal.SIGINT, 130) for launcher in TWO],
        ("joblib hydra.launcher.n_jobs=1", {0}, signal.SIGINT, 130),
    ],
)
def test_asked_to_stop_the_runs_write_their_checkpoints(
    tmp_path: Path, launcher: str, at_work: set[int], signum: signal.Signals, code: int
) -> None:
    process, sweep = started(tmp_path, launcher, len(at_work))
    if signum == signal.SIGINT:
        os.killpg(process.pid, signum)  # as a terminal does
    else:
        process.send_signal(signum)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert {seed: told["status"] for seed, told in by_seed(sweep).items()} == dict.fromkeys(at_work, "stopped")
    assert not list(sweep.glob("*/run.lock"))
    assert len(list(sweep.glob("*/checkpoints/last.ckpt"))) == len(at_work)
    logs = [file.read_text() for file in sweep.glob("*/train.log")]
    assert [text.count("start the same command again") for text in logs] == [1] * len(at_work)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("launcher", TWO)
def test_when_the_command_is_killed_alone_its_runs_end_too(tmp_path: Path, launcher: str) -> None:
    process, sweep = started(tmp_path, launcher, 2)
    pids = [json.loads(file.read_text())["pid"] for file in sweep.glob("*/run.lock")]
    workers = [parent for pid in pids for parent in psutil.Process(pid).parents()[:2]]
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert len(by_seed(sweep)) == 2  # none was begun after it


TAKES = """
import sys
from pathlib import Path
from yolograft.compute.sharing import take
print(take(["0", "1"], Path(sys.argv[1])), take(["0", "1"], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_runs_spread_over_gpus_and_give_them_back_when_they_are_killed(tmp_path: Path) -> None:
    def start() -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", TAKES, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    started = [start() for _ in range(5)]
    assert [gpu for _, gpu in started] == ["0 0", "1 1", "0 0", "1 1", "0 0"]
    started[3][0].kill()
    started[3][0].wait()
    started.append(start())
    assert started[-1][1] == "1 1"
    for process, _ in started:
        process.kill()
        process.communicate()
    assert take(["0", "1"], tmp_path) == 0


def test_the_processors_are_divided_among_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(JOBS_PER_MACHINE, raising=False)
    assert own_cores() == cores()
    monkeypatch.setattr("yolograft.compute.sharing.cores", lambda: 12)
    for jobs, share in (("1", 12), ("5", 2), ("100", 1), ("0", 12), ("many", 12)):
        monkeypatch.setenv(JOBS_PER_MACHINE, jobs)
        assert own_cores() == share


def test_auto_is_what_the_gpus_take_or_the_processors_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolograft.sweep.executors.side_by_side.cores", lambda: 12)
    memory = SimpleNamespace(available=64 * 2**30)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    for gpus, jobs_per_gpu, at_a_time in ((4, 1, 4), (4, 2, 8), (0, 2, 12)):
        monkeypatch.setattr("torch.cuda.device_count", lambda gpus=gpus: gpus)
        assert side_by_side("auto", jobs_per_gpu, 100) == at_a_time
        assert side_by_side("auto", jobs_per_gpu, 3) == 3
    assert side_by_side(20, 1, 100) == 20
    memory.available = 13 * 2**30
    assert side_by_side("auto", 1, 100) == 4
    monkeypatch.setattr("yolograft.sweep.executors.side_by_side.cores", lambda: 1)
    assert side_by_side("auto", 1, 100) == 1


def test_runs_side_by_side_are_advised_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolograft.sweep.executors.side_by_side.cores", lambda: 4)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=64 * 2**30))
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)

    def on(device: Any, runs: int) -> int:
        return faster_side_by_side([RunSpec({"device": device}, Path(str(i)), {}, []) for i in range(runs)])

    assert [on("auto", 8), on("cpu", 3), on("auto", 1), on(["cpu", "cpu"], 8), on(0, 8)] == [4, 3, 1, 1, 1]
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert on("auto", 8) == 1


def test_auto_takes_a_free_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,7")
    with FileLock(tmp_path / "gpu-slots" / f"{platform.node()}-gpu-4-0.lock"):  # another run's
        trainer = {"precision": "fp32", "channels_last": "auto", "threads": 1}
        assert resolve("auto", 0, trainer).devices == [1]
        assert resolve("cuda", 0, trainer).devices == [0]  # asked for by name


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("hydra/launcher=joblb", "did you mean joblib?"),
        ("hydra/launcher=joblib hydra.launcher.n_jobs=0", "hydra.launcher.n_jobs=0: "),
        ("hydra/launcher=submitit_local hydra.launcher.max_parallel=some", "hydra.launcher.max_parallel=some: "),
    ],
)
def test_a_slip_is_refused_before_anything_starts(tmp_path: Path, yolograft: Program, override: str, said: str) -> None:
    done = yolograft("train", "-m", "seed=0,1", *override.split())
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("launcher", "extra"),
    [("submitit_local", "submitit"), ("submitit_slurm", "submitit"), ("ray", "ray")],
)
def test_a_launcher_that_is_not_installed_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], launcher: str, extra: str
) -> None:
    from yolograft.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("yolograft.sweep.executors.settings.find_spec", lambda name: None)
    assert main(["train", "-m", "seed=0,1", f"hydra/launcher={launcher}"]) == 2
    assert capsys.readouterr().err == (
        f"yolograft: hydra/launcher={launcher}: needs {extra}: pip install 'yolograft[{extra}]'\n"
    )


class Squeue:
    """A `squeue` that says what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "squeue"
        self.says("")

    def says(self, text: str, code: int = 0) -> None:
        stream = 2 if code else 1
        self.program.write_text(f"#!/bin/sh\nprintf '{text}' >&{stream}\nexit {code}\n")
        self.program.chmod(0o755)


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Squeue:
    if os.name == "nt":
        pytest.skip("Slurm's programs are shell scripts here")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return Squeue(tmp_path)


def test_what_slurm_says_of_jobs(squeue: Squeue) -> None:
    squeue.says("7_0 RUNNING\\n7_1 CANCELLED\\n")
    assert slurm.states(["7_0", "7_1", "7_2"]) == {"7_0": "RUNNING", "7_1": "CANCELLED"}
    squeue.says("slurm_load_jobs error: Invalid job id specified\\n", 1)
    assert slurm.states(["7"]) == {}  # forgotten: over for long
    squeue.says("slurm_load_jobs error: Unable to contact slurm controller\\n", 1)
    assert slurm.states(["7"]) is None  # nothing is known


def test_a_job_is_given_up_when_slurm_has_ended_it_and_no_result_comes(
    squeue: Squeue, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(slurm.time, "monotonic", lambda: clock[0])
    watch = slurm.Watch(["7_0", "7_1", "7_2"])

    def after(seconds: float) -> dict[str, str]:
        clock[0] += seconds
        return watch.gone()

    squeue.says("7_0 RUNNING\\n7_1 NODE_FAIL\\n7_2 FAILED\\n")
    assert after(6) == {}
    assert after(15) == {}
    squeue.says("7_0 RUNNING\\n7_1 NODE_FAIL\\n7_2 PENDING\\n")  # the last was put back into the queue
    assert after(6) == {"7_1": "NODE_FAIL"}
    squeue.says("down", 1)
    assert after(600) == {"7_1": "NODE_FAIL"}
    squeue.says("7_1 NODE_FAIL\\n7_2 RUNNING\\n")  # Slurm forgets a job some minutes after its end
    assert after(6) == {"7_1": "NODE_FAIL"}
    assert after(25) == {"7_0": "no longer known", "7_1": "NODE_FAIL"}
