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

from helpers.sweeping import command, epochs, kill_group, logs, start
from yolograft.common import files, processes

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
    stale = [shared / f"sem.yg{mark}-{gone}-abcdefgh"]
    kept = [
        shared / f"sem.yg{mark}-{alive}-abcdefgh",
        shared / f"sem.yg00000000-{gone}-abcdefgh",  # another machine's, or container's
        shared / f"sem.loky-{gone}-abcdefgh",  # joblib's of another program, or of a container that shares the memory
        shared / f"joblib_memmapping_folder_{gone}_1",
        shared / "sem.mp-abcdefgh",
        tmp_path / f"yolograft-{mark}-{alive}-abcdefgh",
        tmp_path / "yolograft-mine",
    ]
    folder = tmp_path / f"yolograft-{mark}-{gone}-abcdefgh"
    (folder / "listener-12345678").mkdir(parents=True)
    for path in [*stale, *kept]:
        path.touch()
    processes.remove_leftovers()
    assert [path for path in [*stale, folder] if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_what_lives_is_not_removed_although_the_clock_was_set(
    gone: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = tmp_path / f"yolograft-{processes._mark()}-{os.getpid()}-abcdefgh"
    folder.mkdir()
    os.utime(folder, (0, 0))
    processes.remove_leftovers()
    assert folder.exists()
    assert processes.is_gone(gone)


def test_a_link_is_removed_and_not_where_it_leads(gone: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes.tempfile, "gettempdir", lambda: str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").touch()
    link = tmp_path / f"yolograft-{processes._mark()}-{gone}-abcdefgh"
    link.symlink_to(elsewhere)
    (tmp_path / f"yolograft-{processes._mark()}-{gone}-zyxwvuts").mkdir()
    (tmp_path / f"yolograft-{processes._mark()}-{gone}-zyxwvuts" / "link").symlink_to(elsewhere)
    processes.remove_leftovers()
    assert [path.name for path in elsewhere.iterdir()] == ["mine"]
    assert not (tmp_path / f"yolograft-{processes._mark()}-{gone}-zyxwvuts").exists()


def test_joblib_s_semaphores_bear_our_mark() -> None:
    code = (
        "from yolograft.common.processes import own_names, own_names_of_joblib, _mark; import os; own_names();"
        "own_names_of_joblib();"
        "from joblib.externals.loky.backend.synchronize import Lock;"
        "assert Lock()._semlock.name.startswith(f'/yg{_mark()}-{os.getpid()}-'), Lock()._semlock.name"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


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


def test_the_fork_server_ends_without_a_word(tmp_path: Path) -> None:
    """Some libraries look at the end whether all of theirs was freed, and what was imported is not."""
    code = (
        "from yolograft.sweep.isolation import _context\n"
        "process = _context().Process(target=print, args=('run',))\nprocess.start()\nprocess.join()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("run\n", "")
