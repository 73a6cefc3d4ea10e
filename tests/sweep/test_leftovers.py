"""What a killed sweep leaves outside its folder is removed at the next start, and only that."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeping import command, epochs, kill_group, logs, start
from yolograft import files, processes

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL and named semaphores")

SHARED = Path("/dev/shm")


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_dead_process_of_ours_left_is_removed_and_nothing_else(
    gone: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shm"
    shared.mkdir()
    monkeypatch.setattr(processes, "_SHARED_MEMORY", shared)
    monkeypatch.setattr(processes.tempfile, "gettempdir", lambda: str(tmp_path))
    mark, alive = processes._mark(), os.getpid()
    stale = [shared / f"sem.yg{mark}-{gone}-abcdefgh", shared / f"sem.loky-{gone}-abcdefgh"]
    kept = [
        shared / f"sem.yg{mark}-{alive}-abcdefgh",
        shared / f"sem.yg0000-{gone}-abcdefgh",  # another machine's, or container's
        shared / f"sem.loky-{alive}-abcdefgh",
        shared / f"sem.loky-{gone}1-abcdefgh",  # joblib's, of somebody else
        shared / "sem.mp-abcdefgh",
        tmp_path / f"yolograft-{mark}-{alive}-abcdefgh",
        tmp_path / "yolograft-mine",
    ]
    folder = tmp_path / f"yolograft-{mark}-{gone}-abcdefgh"
    (folder / "listener-12345678").mkdir(parents=True)
    (shared / f"joblib_memmapping_folder_{gone}_1").mkdir()
    for path in [*stale, *kept]:
        path.touch()
    processes.remove_leftovers()
    assert [path for path in [*stale, folder, shared / f"joblib_memmapping_folder_{gone}_1"] if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_a_number_that_was_given_again_is_not_the_owner() -> None:
    assert not processes.is_gone(os.getpid(), time.time())
    assert processes.is_gone(os.getpid(), time.time() - 1e6)


def test_files_half_written_by_a_killed_process(tmp_path: Path) -> None:
    old, new, other = tmp_path / "a.json.12-0123abcd.tmp", tmp_path / "a.json.13-0123abcd.tmp", tmp_path / "notes.tmp"
    for path in (old, new, other):
        path.touch()
    os.utime(old, (time.time() - 100, time.time() - 100))
    files.remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([new, other])


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A temporary folder with a path as short as usual: that of a test's own leaves no room for a socket's."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_a_killed_sweep_leaves_nothing_after_the_next_start(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(scratch))
    arguments = command(tmp_path, "killed", "epochs=200", seeds=2)
    process = start(tmp_path, arguments)
    while not epochs(tmp_path, "killed"):
        assert process.poll() is None, logs(tmp_path)
        time.sleep(0.05)
    kill_group(process, signal.SIGKILL)
    (run,) = (tmp_path / "multirun" / "killed").glob("*/checkpoints")
    halves = [run / "last.ckpt.partial", run / ".best-abc.tmp", run.parent / f"run.json.{process.pid}-0123abcd.tmp"]
    for path in halves:
        path.touch()
    marked = f"{processes._mark()}-{process.pid}-"
    assert [path.name for path in scratch.glob("yolograft-*") if marked in path.name], "or this test shows nothing"

    again = start(tmp_path, arguments)
    before = epochs(tmp_path, "killed").total()
    while epochs(tmp_path, "killed").total() == before:
        assert again.poll() is None, logs(tmp_path)
        time.sleep(0.05)
    assert [path for path in halves if path.exists()] == []
    assert [path for path in scratch.iterdir() if marked in path.name] == []
    assert [path for path in SHARED.glob(f"*{process.pid}*") if marked in path.name] == []
    again.send_signal(signal.SIGTERM)
    assert again.wait(60) == 143, logs(tmp_path)
    assert not list(scratch.glob("yolograft-*")), "and a sweep that was stopped leaves nothing at all"
