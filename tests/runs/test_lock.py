"""Who trains in a folder: living, dead and unreachable owners, and many that come at once."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from helpers.rival import compete
from yolograft.runs import lock as locks
from yolograft.runs.lock import EXPIRES_AFTER, LOCK, RunLock, RunLockedError, lock_holder


def write_lock(folder: Path, silent: float = 0.0, **changes: Any) -> Path:
    """Leave a lock as another process would, renewed so many seconds ago."""
    process = psutil.Process()
    told = {"host": locks.machine(), "pid": process.pid, "started": process.create_time(), "token": "theirs"}
    file = folder / LOCK
    file.write_text(json.dumps({**told, **changes}))
    os.utime(file, (time.time() - silent, time.time() - silent))
    return file


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_lock_is_there_while_it_is_held_and_gone_afterwards(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        holder = lock_holder(tmp_path)
        assert holder is not None
        assert holder.pid == os.getpid()
        with pytest.raises(RunLockedError, match=f"process {os.getpid()} on "), RunLock(tmp_path):
            pass
        assert lock_holder(tmp_path) == holder
    assert lock_holder(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_gone_leaves_nothing_to_wait_for(tmp_path: Path) -> None:
    write_lock(tmp_path, pid=dead_pid())
    assert lock_holder(tmp_path) is None
    with RunLock(tmp_path):
        assert lock_holder(tmp_path) is not None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("silent", "alive"), [(0, True), (EXPIRES_AFTER - 10, True), (EXPIRES_AFTER + 10, False)])
@pytest.mark.parametrize("changes", [{"host": "elsewhere pid:[1]", "pid": 1}, {"started": 1.0}])
def test_an_owner_that_cannot_be_asked_is_judged_by_its_signs_of_life(
    changes: dict[str, Any], silent: float, alive: bool, tmp_path: Path
) -> None:
    """On another machine; or here, where the number may be another process's, or the clock was set."""
    write_lock(tmp_path, silent, **changes)
    assert (lock_holder(tmp_path) is not None) == alive
    if alive:
        with pytest.raises(RunLockedError), RunLock(tmp_path):
            pass
    else:
        with RunLock(tmp_path):
            pass


def test_a_living_process_of_this_machine_keeps_its_lock_however_silent(tmp_path: Path) -> None:
    """A laptop that slept for the night, or a process that was suspended."""
    write_lock(tmp_path, silent=36000)
    assert lock_holder(tmp_path) is not None


def test_a_lock_without_content_counts_for_a_minute(tmp_path: Path) -> None:
    lock = write_lock(tmp_path)
    lock.write_text("")
    with pytest.raises(RunLockedError, match="another process"), RunLock(tmp_path):
        pass
    os.utime(lock, (time.time() - EXPIRES_AFTER - 10,) * 2)
    with RunLock(tmp_path):
        pass


def test_a_takeover_that_was_itself_cut_off_is_in_nobodys_way_for_long(tmp_path: Path) -> None:
    content = write_lock(tmp_path, pid=dead_pid()).read_bytes()
    right = locks._right_to_replace(tmp_path / LOCK, content)
    right.touch()
    os.utime(right, (time.time() - EXPIRES_AFTER - 10,) * 2)
    with RunLock(tmp_path):
        pass


def test_signs_of_life_are_given_and_a_lost_lock_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "RENEWED_EVERY", 0.05)
    with RunLock(tmp_path) as held:
        lock = tmp_path / LOCK
        os.utime(lock, (1, 1))
        time.sleep(0.5)
        assert lock.stat().st_mtime > 1
        assert not held.lost
        lock.unlink()  # by hand: it is still ours
        time.sleep(0.5)
        assert lock.exists()
        assert not held.lost
        write_lock(tmp_path, host="elsewhere pid:[1]")
        time.sleep(0.5)
        assert held.lost
    assert json.loads(lock.read_text())["token"] == "theirs", "another's lock was removed"


def test_of_many_that_take_over_an_abandoned_lock_one_has_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    write_lock(tmp_path, pid=dead_pid())
    start, leave, results = context.Event(), context.Event(), context.Queue()
    rivals = [context.Process(target=compete, args=(tmp_path, start, results, leave)) for _ in range(6)]
    for rival in rivals:
        rival.start()
    assert [results.get(timeout=120) for _ in rivals] == ["ready"] * 6
    start.set()
    said = [results.get(timeout=60) for _ in rivals]
    leave.set()
    for rival in rivals:
        rival.join()
    assert sorted(said) == ["had it"] + ["had not"] * 5
    assert list(tmp_path.iterdir()) == []
