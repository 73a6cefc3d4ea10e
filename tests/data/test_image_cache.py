"""Kept images: equal to decoded ones, built once, complete or absent, renewed, bounded, and never in the way."""

import gc
import logging
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

import cv2
import numpy as np
import pytest
from PIL import Image

from yolograft.data import image_cache as module
from yolograft.data.image_cache import GB, ImageCache, image_cache
from yolograft.upstream.data import LoadedImage
from yolograft.upstream.decoding import ImageReader, resized_pixels

IMGSZ = 64


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the caches of a test are."""
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list in which each file that is decoded is noted."""
    from ultralytics.data import base

    files: list[str] = []
    imread = base.imread

    def noting(file: str, flags: int) -> Any:
        files.append(file)
        return imread(file, flags)

    monkeypatch.setattr(base, "imread", noting)
    return files


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def images(folder: Path, count: int = 6, seed: int = 0) -> list[str]:
    """Write noisy images."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.fromarray(noise(80 + index, 100, seed=seed + index)).save(folder / f"{index:03}.png")
    return sorted(str(file) for file in folder.iterdir())


def built(files: list[str], limit_gb: float = 1.0, imgsz: int = IMGSZ) -> ImageCache:
    cache = image_cache(files, imgsz, 3, limit_gb)
    assert cache is not None
    return cache


def assert_equal(one: LoadedImage | None, two: LoadedImage) -> None:
    assert one is not None
    assert np.array_equal(one[0], two[0])
    assert one[0].dtype == two[0].dtype == np.uint8
    assert one[1:] == two[1:]


def assert_holds(cache: ImageCache, files: list[str]) -> None:
    reader = ImageReader(files, cache.imgsz, cache.channels)
    for index, file in enumerate(files):
        assert_equal(cache.get(file, cache.imgsz, cache.channels), reader.load_image(index))


def caches(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if file.suffix in (".images", ".tmp")}


@pytest.fixture
def kinds(tmp_path: Path) -> list[str]:
    """Images of every kind that is read in a way of its own."""
    place = tmp_path / "my données 数据"
    place.mkdir()
    exif = Image.Exif()
    exif[274] = 6
    for height, width in ((64, 64), (1, 200), (11, 13), (63, 64), (101, 57), (64, 10), (333, 500)):
        Image.fromarray(noise(height, width)).save(place / f"{height} x {width}.jpg")
    Image.fromarray(noise(60, 90, 4)[..., 0]).save(place / "grey.png")
    Image.fromarray(noise(60, 90, 4)).save(place / "alpha.png")
    Image.fromarray(noise(60, 90)).quantize(16).save(place / "palette.png")
    Image.fromarray(noise(60, 90)).convert("CMYK").save(place / "cmyk.jpg")
    Image.fromarray(noise(60, 90)).save(place / "turned.jpg", exif=exif)
    Image.fromarray(noise(60, 90)).save(place / "turned.tif", exif=exif)
    Image.fromarray(noise(60, 64, 4)).save(place / "alpha.tif")
    Image.fromarray(noise(60, 90)).save(place / "two\nlines.bmp" if os.name != "nt" else place / "lines.bmp")
    (place / "deep.png").write_bytes(cv2.imencode(".png", noise(60, 90, 1).astype(np.uint16) * 257)[1].tobytes())
    return sorted(str(file) for file in place.iterdir())


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("imgsz", [64, 96])
def test_images_are_bit_for_bit_what_is_read_without_it(kinds: list[str], imgsz: int, channels: int) -> None:
    cache = image_cache(reversed(kinds), imgsz, channels, 1.0)
    assert cache is not None
    assert_holds(cache, kinds)
    shapes = {Path(file).name: cache.get(file, imgsz, channels) for file in kinds}
    turned, grey = shapes["turned.jpg"], shapes["grey.png"]
    assert turned is not None
    assert grey is not None
    assert turned[1:] == ((90, 60), (imgsz, imgsz * 60 // 90 + (imgsz % 3 > 0)))
    assert grey[0].shape[2] == channels


def test_the_size_known_from_headers_is_the_decoded_one(kinds: list[str]) -> None:
    reader = ImageReader(kinds, IMGSZ, 3)
    sizes = {file: reader.load_image(index)[2] for index, file in enumerate(kinds)}
    assert {file: resized_pixels(file, IMGSZ) for file in kinds} == {file: h * w for file, (h, w) in sizes.items()}


def test_what_cannot_be_decoded_is_left_out(tmp_path: Path, decoded: list[str]) -> None:
    files = images(tmp_path / "set")
    (tmp_path / "set" / "text.png").write_bytes(b"not a picture")
    (tmp_path / "set" / "empty.png").write_bytes(b"")
    useless = [str(tmp_path / "set" / name) for name in ("text.png", "empty.png", "nowhere.png")]
    cache = built(files + useless)
    assert_holds(cache, files)
    assert [cache.get(file, IMGSZ, 3) for file in useless] == [None] * 3
    decoded.clear()
    built(files + useless)
    built(useless)
    decoded.clear()
    built(useless)
    assert decoded == [], "a set of which nothing can be used is not tried again either"


def test_other_sizes_and_channels_are_not_mistaken_for_it(tmp_path: Path) -> None:
    files = images(tmp_path / "set")
    cache = built(files)
    assert cache.get(files[0], IMGSZ + 32, 3) is None
    assert cache.get(files[0], IMGSZ, 1) is None
    reader = ImageReader(files, IMGSZ + 32, 3)
    reader.image_cache = cache
    assert max(reader.load_image(0)[2]) == IMGSZ + 32
    assert_holds(built(files, imgsz=96), files)


def test_an_image_is_the_caller_s_own(tmp_path: Path, decoded: list[str]) -> None:
    files = images(tmp_path / "set")
    reader = ImageReader(files, IMGSZ, 3)
    reader.image_cache = built(files)
    decoded.clear()
    before = reader.load_image(2)[0].copy()
    reader.load_image(2)[0][:] = 0
    assert np.array_equal(reader.load_image(2)[0], before)
    assert decoded == []
    assert reader.load_image(2, rect_mode=False)[2] == (IMGSZ, IMGSZ), "another way of resizing is read from the file"


def test_the_second_opening_decodes_nothing(tmp_path: Path, decoded: list[str]) -> None:
    files = images(tmp_path / "set", 40)
    built(files)
    assert sorted(decoded) == files
    decoded.clear()
    assert_holds_without_files(built(files), files)
    assert decoded == []


def assert_holds_without_files(cache: ImageCache, files: list[str]) -> None:
    assert all(cache.get(file, IMGSZ, 3) is not None for file in files)


@pytest.mark.parametrize("change", ["content", "time"])
def test_a_changed_file_renews_it(tmp_path: Path, folder: Path, change: str) -> None:
    files = images(tmp_path / "set")
    old = built(files)
    before = ImageReader(files, IMGSZ, 3).load_image(3)
    first = caches(folder)
    if change == "content":
        Image.fromarray(noise(90, 50, seed=99)).save(files[3])
    else:
        Image.fromarray(noise(83, 100, seed=3)[::-1]).save(files[3])
        os.utime(files[3], ns=(1, 1))
    new = built(files)
    assert_holds(new, files)
    assert_equal(old.get(files[3], IMGSZ, 3), before)  # a training that goes on keeps what it began with
    assert new.path != old.path
    assert len(caches(folder) - first) == 1
    del old, new
    gc.collect()
    os.utime(files[3])
    built(files)
    assert len(caches(folder)) == 1, "what nobody uses any more is gone"


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


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 100_000, b"\xff" * 100_000])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: bytes) -> None:
    files = images(tmp_path / "set")
    path = built(files).path
    gc.collect()
    path.write_bytes(damage)
    assert_holds(built(files), files)


def test_beyond_the_limit_there_is_none(
    tmp_path: Path, folder: Path, decoded: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    files = images(tmp_path / "set", 40)
    needed = sum(resized_pixels(file, IMGSZ) for file in files) * 3 / GB
    assert image_cache(files, IMGSZ, 3, needed * 0.99) is None
    assert decoded == [], "known from the headers"
    assert caches(folder) == set()
    (line,) = caplog.messages
    assert "GB, more than the limit of" in line
    built(files, needed * 1.3)
    gc.collect()
    assert image_cache(files, IMGSZ, 3, needed * 0.9) is None, "a limit lowered later holds too"


def test_beyond_half_of_the_free_disk_there_is_none(
    tmp_path: Path, folder: Path, decoded: list[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = images(tmp_path / "set")
    usage = shutil.disk_usage(tmp_path)._replace(free=100_000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    assert image_cache(files, IMGSZ, 3, 1.0) is None
    assert decoded == []
    assert caches(folder) == set()
    assert ["more than half of the 0.0001 GB free" in line for line in caplog.messages] == [True]


def test_the_least_recently_used_make_room_and_those_in_use_stay(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sets = [images(tmp_path / name, seed=10 * seed) for seed, name in enumerate("abcd")]
    room = 3.5 * built(sets[0]).path.stat().st_size / GB  # for three
    names = [built(files, room).path.name for files in sets[:3]]
    for age, name in enumerate(names):
        os.utime(folder / name, (1000 + age, 1000 + age))
    built(sets[0], room)  # used again: no longer the oldest
    fourth = built(sets[3], room).path.name
    assert caches(folder) == {names[0], names[2], fourth}
    used = [built(files, room) for files in (sets[0], sets[2], sets[3])]
    caplog.clear()
    assert image_cache(sets[1], IMGSZ, 3, room) is None
    assert ["GB hold images that other runs use now" in line for line in caplog.messages] == [True]
    assert caches(folder) == {names[0], names[2], fourth}
    del used[1]
    gc.collect()
    built(sets[1], room)
    assert caches(folder) == {names[0], names[1], fourth}


def test_a_folder_that_cannot_be_made_is_no_obstacle(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    assert image_cache(images(tmp_path / "set"), IMGSZ, 3, 1.0) is None
    assert len(caplog.messages) == 1


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


def test_the_log_says_what_is_decoded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = images(tmp_path / "set")
    with caplog.at_level(logging.INFO):
        built(files)
        built(files)
    assert caplog.messages == [f"Decoding 6 images at {IMGSZ} px, once for all runs (0.00 GB)"]
