"""How many threads a training takes, and how they wait."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from yolograft.compute import load, sharing
from yolograft.compute.cgroup import quota
from yolograft.compute.openmp import THREADS, allowed


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "granted"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        # The parent's limit holds too.
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
            },
            2,
        ),
        # A container names the host's group, which it does not see.
        ({"proc/self/cgroup": "0::/docker/f00\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5),
        # Version 1.
        (
            {
                "proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/x\n",
                "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "nonsense\n"}, None),
    ],
)
def test_the_limit_of_a_control_group_is_read(tmp_path: Path, files: dict[str, str], granted: float | None) -> None:
    assert quota(_write(tmp_path, files)) == granted


def test_a_containers_limit_counts_as_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_processors", lambda: range(8))
    for granted, usable in ((None, 8), (2.5, 3), (0.1, 1), (64, 8)):
        monkeypatch.setattr(sharing, "quota", lambda granted=granted: granted)
        assert sharing.cores() == usable


def test_only_idle_processors_get_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "cores", lambda: 8)
    monkeypatch.delenv(sharing.JOBS_PER_MACHINE, raising=False)
    monkeypatch.setenv(THREADS, "")
    for idle, threads in ((8.0, 8), (5.6, 6), (0.1, 1)):
        monkeypatch.setattr(sharing, "idle", lambda processors, idle=idle: idle)
        assert sharing.free_threads() == threads
    assert sharing.free_threads(processes=2) == 4  # those of one run would count each other
    monkeypatch.setattr(sharing, "idle", lambda processors: 8.0)
    monkeypatch.setenv(sharing.JOBS_PER_MACHINE, "4")
    assert sharing.free_threads() == 2
    monkeypatch.setenv(THREADS, "1")
    assert sharing.free_threads() == 1


def test_idle_is_what_the_allowed_processors_do_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three processors the first is busy, the second waits for a disk, the third is idle for four fifths."""
    clock = {"now": 100.0}

    def times(percpu: bool) -> list[SimpleNamespace]:
        since = clock["now"] - 100
        idle, waits = (0.0, 0.5 * since, 0.8 * since), (0.0, 0.5 * since, 0.0)
        return [SimpleNamespace(idle=7 + a, iowait=3 + b) for a, b in zip(idle, waits, strict=True)]

    monkeypatch.setattr("psutil.cpu_times", times)
    monkeypatch.setattr("time.monotonic", lambda: clock["now"])
    monkeypatch.setattr("time.sleep", lambda seconds: clock.update(now=clock["now"] + seconds))
    assert load.idle([1, 2]) == pytest.approx(1.8)
    assert load.idle([0, 1, 2], seconds=0.01) == pytest.approx(1.8)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be kept on a processor here")
def test_a_processor_that_computes_is_not_idle() -> None:
    processor = min(os.sched_getaffinity(0))
    busy = f"import os; os.sched_setaffinity(0, [{processor}])\nprint(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            assert load.idle([processor], seconds=0.5) < 0.3
        finally:
            process.kill()


@pytest.mark.parametrize(("said", "most"), [("3", 3), ("4,2", 4), ("", None), ("0", None), ("many", None)])
def test_the_person_may_limit_them(monkeypatch: pytest.MonkeyPatch, said: str, most: int | None) -> None:
    monkeypatch.setenv(THREADS, said)
    assert allowed() == most


_TOLD = """
import os, yolograft
print(os.environ["OMP_WAIT_POLICY"], os.environ.get("GOMP_SPINCOUNT"), "torch" in __import__("sys").modules)
import yolograft.upstream.model
from yolograft.compute.openmp import allowed
print(os.environ["OMP_NUM_THREADS"], allowed())
"""


@pytest.mark.parametrize(
    ("set_before", "told"),
    [
        ({}, "passive 2000 False\n1 None\n"),  # the 1 is ultralytics', not the person's
        ({"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "active"}, "active None False\n2 2\n"),
    ],
)
def test_how_threads_wait_is_set_before_torch_is_loaded(set_before: dict[str, str], told: str) -> None:
    ours = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", THREADS)
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [sys.executable, "-c", _TOLD], env=environment | set_before, capture_output=True, text=True, check=True
    )
    assert done.stdout == told
