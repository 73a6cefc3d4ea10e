"""Ctrl-C and SIGTERM as a terminal or a scheduler sends them: to every process of a sweep, while it is starting."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from helpers.sweeping import command, epochs, logs, records, run, start

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process groups")

SIGNALS = [signal.SIGINT, signal.SIGTERM]
LAUNCHERS = ["basic", "joblib hydra.launcher.n_jobs=2", "submitit_local hydra.launcher.max_parallel=2"]


def words(launcher: str) -> list[str]:
    """Return what chooses a launcher on the command line."""
    return f"hydra/launcher={launcher}".split()


def members(group: int) -> list[psutil.Process]:
    """Return the processes of a group that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


def stop(folder: Path, arguments: list[str], when: Callable[["subprocess.Popen[str]"], None], signum: int) -> None:
    """Start a sweep, signal all its processes at a moment, and look at what is left of it."""
    process = start(folder, arguments)
    try:
        when(process)
        assert process.poll() is None, f"it ended before it was signalled: {logs(folder)}"
        os.killpg(process.pid, signum)
        code = process.wait(60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    # Before the program listens, the system ends it by the signal; a shell says 130 and 143 of that too.
    assert code in (128 + signum, -signum), (code, logs(folder))
    deadline = time.monotonic() + 20
    while (left := members(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, (left, logs(folder))
    states = [record["status"] for record in records(folder / "multirun" / "signalled").values()]
    assert "failed" not in states, logs(folder)
    assert code < 0 or "Traceback" not in logs(folder), logs(folder)


def finish(folder: Path, arguments: list[str]) -> None:
    """Repeat the command, which does what is left."""
    done = run(folder, arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [r["status"] for r in records(folder / "multirun" / "signalled").values()] == ["finished"] * 2


def the_fork_server_imports(process: "subprocess.Popen[str]") -> None:
    """Return a moment after the fork server was started."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in psutil.Process(process.pid).children():
            with contextlib.suppress(psutil.Error):  # some children end at once
                if any("forkserver" in word for word in child.cmdline()):
                    time.sleep(0.3)
                    return
        time.sleep(0.02)
    raise AssertionError("no fork server")


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_while_the_fork_server_imports_ends_the_sweep_and_fails_no_run(
    signum: signal.Signals, tmp_path: Path
) -> None:
    arguments = command(tmp_path, "signalled", "epochs=1", seeds=2)
    stop(tmp_path, arguments, the_fork_server_imports, signum)


@pytest.fixture(scope="module")
def seconds_to_an_epoch(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """How long each launcher takes here from the command to the first epoch."""
    took = {}
    for launcher in LAUNCHERS:
        folder = tmp_path_factory.mktemp("undisturbed")
        process = start(folder, command(folder, "signalled", "epochs=99", *words(launcher), seeds=2))
        began = time.monotonic()
        while not epochs(folder, "signalled"):
            assert process.poll() is None, logs(folder)
            time.sleep(0.05)
        took[launcher] = time.monotonic() - began
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return took


@pytest.mark.slow
@pytest.mark.parametrize("share", [number / 18 for number in range(1, 21)])
@pytest.mark.parametrize("signum", SIGNALS)
def test_at_every_moment_of_its_start_a_sweep_can_be_stopped_and_repeated(
    signum: signal.Signals, share: float, tmp_path: Path, seconds_to_an_epoch: dict[str, float]
) -> None:
    arguments = command(tmp_path, "signalled", "epochs=4", seeds=2)
    moment = share * seconds_to_an_epoch["basic"]
    stop(tmp_path, arguments, lambda process: time.sleep(moment), signum)
    if round(share * 18) % 4 == 0:  # a run takes as long as its start
        finish(tmp_path, arguments)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.45, 0.6, 0.75, 0.9, 1.05])
@pytest.mark.parametrize("signum", SIGNALS)
@pytest.mark.parametrize("launcher", LAUNCHERS[1:])
def test_with_every_launcher(
    launcher: str, signum: signal.Signals, share: float, tmp_path: Path, seconds_to_an_epoch: dict[str, float]
) -> None:
    # more epochs than pass by on a busy machine, where the moment comes later than it was measured
    arguments = command(tmp_path, "signalled", "epochs=12", *words(launcher), seeds=2)
    moment = share * seconds_to_an_epoch[launcher]
    stop(tmp_path, arguments, lambda process: time.sleep(moment), signum)
    if share == 0.6:
        finish(tmp_path, arguments)
