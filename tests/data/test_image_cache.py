"""Kept images: equal to decoded ones, built once, complete or absent, renewed, bounded, and never in the way."""

import gc
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from helpers.kept_images import IMGSZ, assert_equal, assert_holds, built, caches, images, noise
from yolograft.data import image_cache as module
from yolograft.data.image_cache import GB, ImageCache, image_cache
from yolograft.upstream.decoding import ImageReader, resized_pixels


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


def test_an_image_is_compared_with_its_checksum_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = images(tmp_path / "images")
    cache = built(files)
    compared, crc32 = [], module.zlib.crc32

    def noting(pixels: Any) -> int:
        compared.append(len(pixels))
        return crc32(pixels)

    monkeypatch.setattr(module.zlib, "crc32", noting)
    for _ in range(3):
        assert_holds(cache, files)
    assert len(compared) == len(files)


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


def test_the_log_says_what_is_decoded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = images(tmp_path / "set")
    with caplog.at_level(logging.INFO):
        built(files)
        built(files)
    assert caplog.messages == [f"Decoding 6 images at {IMGSZ} px, once for all runs (0.00 GB)"]
