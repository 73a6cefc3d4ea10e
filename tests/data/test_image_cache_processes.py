"""Kept images among processes: workers, builds side by side or killed, folders and disks that take nothing."""

import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from helpers.kept_images import IMGSZ, assert_equal, assert_holds, built, caches, images
from yolograft.upstream.decoding import ImageReader


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the caches of a test are."""
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


def test_spawned_workers_read_it(tmp_path: Path) -> None:
    files = images(tmp_path / "set")
    reader = ImageReader(files, IMGSZ, 3)
    expected = [reader.load_image(index) for index in range(len(files))]
    reader.image_cache = cache = built(files)
    shutil.rmtree(tmp_path / "set")
    assert len(pickle.dumps(cache)) < 1000, "a worker maps the file, it is not sent the pixels"
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for one, two, three in zip(
            pool.map(partial(cache.get, imgsz=IMGSZ, channels=3), files),
            pool.map(reader.load_image, range(len(files))),
            expected,
            strict=True,
        ):
            assert_equal(one, three)
            assert_equal(two, three)


def test_a_worker_that_comes_after_its_removal_reads_files(tmp_path: Path) -> None:
    files = images(tmp_path / "set")
    reader = ImageReader(files, IMGSZ, 3)
    expected = reader.load_image(1)
    reader.image_cache = cache = built(files)
    sent = pickle.dumps(reader)
    cache.path.unlink()
    assert_equal(pickle.loads(sent).load_image(1), expected)


# What the tests below start as processes of their own: they decode slowly, say what they do, and begin when told.
CHILD = """
import logging, os, sys, time
from pathlib import Path
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
from ultralytics.data import base
import yolograft.upstream
from yolograft.data.image_cache import image_cache
imread = base.imread
def slow(file, flags):
    time.sleep(0.05)
    print("decoded", file, flush=True)
    return imread(file, flags)
base.imread = slow
files = sys.argv[2:]
print("ready", flush=True)
while not Path(sys.argv[1]).exists():
    time.sleep(0.005)
cache = image_cache(files, 64, 3, 1.0)
print("held", sum(cache.get(file, 64, 3) is not None for file in files), flush=True)
"""


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Start such a process; they begin when the file `go` is there."""
    children = []

    def start_child(files: list[str]) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", CHILD, str(tmp_path / "go"), *files]
        children.append(subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True))
        return children[-1]

    yield start_child
    for child in children:
        with child:
            child.kill()


def lines_until(child: "subprocess.Popen[str]", beginning: str, count: int = 1) -> None:
    """Read a process's output up to the given number of lines that begin so."""
    for _ in range(count):
        next(line for line in child.stdout or () if line.startswith(beginning))


def test_two_processes_started_together_build_it_once(tmp_path: Path, folder: Path, start: Start) -> None:
    files = images(tmp_path / "set", 30)
    children = [start(files), start(files)]
    for child in children:
        lines_until(child, "ready")
    (tmp_path / "go").touch()
    outputs = sorted((child.communicate(timeout=60)[0] for child in children), key=lambda text: text.count("decoded"))
    assert [text.count("decoded") for text in outputs] == [0, 30]
    assert ["Waiting for another run" in text for text in outputs] == [True, False]
    assert all("held 30" in text for text in outputs)
    assert len(caches(folder)) == 1


def test_a_killed_build_is_not_taken_for_a_finished_one(tmp_path: Path, folder: Path, start: Start) -> None:
    files = images(tmp_path / "set", 40)
    other = images(tmp_path / "other")
    (tmp_path / "go").touch()
    child = start(files)
    lines_until(child, "decoded", 20)
    assert [Path(name).suffix for name in caches(folder)] == [".tmp"]
    built(other)  # makes room meanwhile, and leaves the file that is being written
    assert sorted(Path(name).suffix for name in caches(folder)) == [".images", ".tmp"]
    assert child.poll() is None
    child.kill()
    child.wait()
    assert sorted(Path(name).suffix for name in caches(folder)) == [".images", ".tmp"]
    began = time.monotonic()
    assert_holds(built(files), files)
    assert time.monotonic() - began < 20, "nobody waits for the dead"
    assert [Path(name).suffix for name in caches(folder)] == [".images", ".images"]


READ_ONLY = """
import logging, os, sys, tempfile
from pathlib import Path
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
import yolograft.upstream, numpy, cv2
from yolograft.data.image_cache import image_cache
with tempfile.TemporaryDirectory() as root:
    os.environ["YOLOGRAFT_CACHE"] = str(Path(root) / "cache")
    folder = Path(root) / "cache" / "images"
    for name in "ab":
        cv2.imwrite(f"{root}/{name}.png", numpy.zeros((50, 50, 3), numpy.uint8))
    print(image_cache([f"{root}/a.png"], 64, 3, 1.0) is not None)
    os.chmod(root, 0o755)
    os.chmod(folder, 0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    print(image_cache([f"{root}/a.png"], 64, 3, 1.0) is not None)
    print(image_cache([f"{root}/b.png"], 64, 3, 1.0))
    os.seteuid(user)
    os.chmod(folder, 0o755)
"""


@pytest.mark.skipif(os.name == "nt", reason="folders have no such permissions")
def test_a_read_only_folder_is_used_but_not_written_to() -> None:
    child = subprocess.run([sys.executable, "-c", READ_ONLY], capture_output=True, text=True, timeout=60, check=False)
    lines = child.stdout.splitlines()
    assert [line for line in lines if line in ("True", "False", "None")] == ["True", "True", "None"], child.stderr
    assert ["Permission denied" in line for line in lines if line.startswith("Images are")] == [True]


FULL = """
import logging, resource, sys
from pathlib import Path
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
import yolograft.upstream
from yolograft.data.image_cache import image_cache
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
print(image_cache(sys.argv[1:], 64, 3, 1.0))
"""


@pytest.mark.skipif(os.name == "nt", reason="no such limits")
def test_a_file_that_cannot_be_written_to_its_end_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    command = [sys.executable, "-c", FULL, *images(tmp_path / "set")]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert child.stdout.splitlines()[-1] == "None", child.stderr
    assert "File too large" in child.stdout
    assert caches(folder) == set()
