"""Single bits that the disk has changed in what is kept: noticed and said, and never trained on."""

import gc
import random
from pathlib import Path

import numpy as np
import pytest

from helpers.forms import Box, LabelledSet, write_form
from helpers.readings import write_image
from yolograft.data.image_cache import ImageCache, image_cache
from yolograft.data.labels.coco_file import CocoFile
from yolograft.data.listing import list_images
from yolograft.data.scan import Scan, scan_split
from yolograft.data.sources.yolo import yolo
from yolograft.upstream.decoding import ImageReader

FLIPS = 20


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def flip(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(8 * len(content))
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def labelled(root: Path) -> LabelledSet:
    names = [f"{'x' * (number + 1)}.png" for number in range(4)]
    images = {name: write_image(root / name) for name in names}
    return LabelledSet(images, {name: [Box(0, 1, 1, 9, 9)] for name in names}, ("a",), {"train": names, "val": names})


def test_the_image_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = [str(write_image(tmp_path / f"{'x' * (number + 1)}.png", 90, 70)) for number in range(6)]
    reader = ImageReader(files, 64, 3)
    right = [reader.load_image(index) for index in range(6)]

    def opened() -> ImageCache:
        found = image_cache(files, 64, 3, 1.0)
        assert found is not None
        return found

    path = opened().path
    whole = path.read_bytes()
    draw = random.Random(0)
    noticed = 0
    for _ in range(FLIPS):
        gc.collect()
        path.write_bytes(flip(whole, draw))
        caplog.clear()
        reader.image_cache = opened()
        for index, expected in enumerate(right):
            image, *sizes = reader.load_image(index)
            np.testing.assert_array_equal(image, expected[0])
            assert tuple(sizes) == expected[1:]
        said = [record.message for record in caplog.records if "is damaged" in record.message]
        noticed += len(said) == 1
        opened()  # what was noticed while images were taken is made anew now
        assert not path.with_suffix(".damaged").exists()
        reader.image_cache = opened()
        caplog.clear()
        assert all(reader.image_cache.get(file, 64, 3) is not None for file in files)
    assert noticed == FLIPS


def test_what_scanning_found(tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_form("yaml", tmp_path / "set", labelled(tmp_path))
    spec = yolo(path=str(tmp_path / "set" / "data.yaml"))

    def scanned() -> Scan:
        return scan_split(spec, "train", list_images(spec, "train"))

    right = scanned()
    assert right.fresh
    assert not scanned().fresh
    (file,) = (cache / "labels").iterdir()
    whole = file.read_bytes()
    draw = random.Random(0)
    for _ in range(FLIPS):
        file.write_bytes(flip(whole, draw))
        caplog.clear()
        again = scanned()
        assert again.fresh
        assert again.fingerprint(["a", "b", "c", "d"]) == right.fingerprint(["a", "b", "c", "d"])
        assert [record.message for record in caplog.records] == [f"{file} is damaged; made anew"]


def test_what_a_coco_file_holds(tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_form("coco", tmp_path / "set", labelled(tmp_path))
    document = str(tmp_path / "set" / "annotations" / "instances_train2017.json")
    right = list(CocoFile(document).boxes(0))
    (file,) = (cache / "converted").iterdir()
    whole = file.read_bytes()
    draw = random.Random(0)
    for _ in range(FLIPS):
        file.write_bytes(flip(whole, draw))
        caplog.clear()
        assert list(CocoFile(document).boxes(0)) == right
        assert [record.message for record in caplog.records] == [f"{file} is damaged; made anew"]
