"""Public data sets: taken where they are, downloaded where there is a network, one line where there is none."""

import functools
import http.server
import io
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from yolograft.common import network
from yolograft.common.errors import UserError
from yolograft.data.dataset import build_dataset
from yolograft.data.sources import named as module
from yolograft.data.sources.named import named
from yolograft.upstream.data import ROOT

FILES = [
    file
    for file in sorted((Path(__file__).parents[2] / "conf" / "dataset").glob("*.yaml"))
    if "named.named" in file.read_text(encoding="utf-8")
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


def archive() -> bytes:
    """A zip as coco8's: one folder with images and labels of both splits."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        for split in ("train", "val"):
            zipped.writestr(f"coco8/images/{split}/a.jpg", b"image")
            zipped.writestr(f"coco8/labels/{split}/a.txt", "0 0.5 0.5 0.2 0.2\n")
    return stream.getvalue()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of coco8.zip on this machine."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "coco8.zip").write_bytes(archive())

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/coco8.zip"
        server.shutdown()


def with_download(monkeypatch: pytest.MonkeyPatch, download: str) -> None:
    recipe = module.recipe
    monkeypatch.setattr(module, "recipe", lambda name: {**recipe(name), "download": download})


def test_download(
    cache: Path, served: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_download(monkeypatch, served)
    spec = named(name="coco8")
    place = cache / "datasets" / "coco8"
    assert spec.root == str(place)
    assert spec.train == (str(place / "images" / "train"),)
    assert (place / "images" / "train" / "a.jpg").read_bytes() == b"image"
    assert (spec.nc, spec.names[0], spec.name) == (80, "person", "coco8")
    assert sorted(file.name for file in place.parent.iterdir()) == [".coco8.lock", "coco8"]
    assert capsys.readouterr().out == "", "standard output is the command's answer"
    with_download(monkeypatch, "http://127.0.0.1:9/gone.zip")
    assert named(name="coco8") == spec


def test_recipes_in_python_run_with_their_folder(tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"""
from pathlib import Path
from ultralytics.utils.downloads import download
dir = Path(yaml["path"])
download(["{served}"], dir=dir.parent)
(dir / "images" / "big.zip").write_text("an archive that the recipe leaves")
assert yaml["names"][79] == "toothbrush"
"""
    with_download(monkeypatch, code)
    monkeypatch.setattr(module, "ASSETS_URL", served)
    spec = named(name="coco8", root=str(tmp_path / "big disk"))
    assert spec.root == str(tmp_path / "big disk" / "coco8")
    assert Path(spec.val[0], "a.jpg").read_bytes() == b"image"
    assert not list((tmp_path / "big disk").rglob("*.zip"))


def test_an_incomplete_download_is_refused_and_does_not_stay(
    cache: Path, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_download(monkeypatch, f"from ultralytics.utils.downloads import download\n1 / 0  # {served}")
    monkeypatch.setattr(module, "ASSETS_URL", served)
    with pytest.raises(UserError, match=r"coco8 could not be downloaded .*ZeroDivisionError"):
        named(name="coco8")
    with_download(monkeypatch, "pass")
    with pytest.raises(UserError, match="does not hold what its description says"):
        named(name="coco8")
    assert not (cache / "datasets" / "coco8").exists()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_without_network_one_line_at_once(file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse = "http://127.0.0.1:9"  # nothing listens there
    name = str(OmegaConf.load(file).name)
    monkeypatch.setattr(module, "ASSETS_URL", refuse)
    with_download(monkeypatch, re.sub(r"https?://[^/]+", refuse, str(module.recipe(name)["download"])))
    start = time.perf_counter()
    with pytest.raises(UserError) as caught:
        named(name=name)
    assert time.perf_counter() - start < 3
    assert re.search(
        EXPECTED.get(name, rf"is not in .* and cannot be downloaded: {refuse} cannot be reached"), str(caught.value)
    )
    assert "\n" not in str(caught.value)
    assert not (cache / "datasets").exists()


EXPECTED = {
    "Argoverse": "by hand only; put its images and labels there: Argoverse-1.1/images/train/, Argoverse-1.1/images/val",
    "coco8-multispectral": "coco8-multispectral: its images have 10 channels; models here take 3",
    "Objects365": "cannot be downloaded: its recipe needs faster-coco-eval; install it with pip|cannot be reached",
    "open-images-v7": "its recipe downloads into folders of its own; put its images and labels there: images/train",
    "xView": "one must register to download it; put its images and labels there: images/autosplit_train.txt",
}


def test_names_that_ultralytics_does_not_know() -> None:
    with pytest.raises(UserError, match=r"dataset.name=coco9: the installed ultralytics knows no such data set"):
        named(name="coco9")


def test_every_detection_set_of_the_installed_ultralytics_has_a_file() -> None:
    """And those of other tasks have none. A new version of ultralytics shows here what has come."""
    without_link = {"TT100K": "detect", "nyu-depth": "depth"}
    tasks = {}
    for file in (ROOT / "cfg" / "datasets").glob("*.yaml"):
        link = re.search(r"docs\.ultralytics\.com/datasets/(\w+)/", file.read_text(encoding="utf-8"))
        tasks[file.stem] = link[1] if link else without_link.get(file.stem, "unknown: decide")
    assert set(tasks.values()) == {"classify", "depth", "detect", "obb", "pose", "segment", "semantic"}
    detection = {name for name, task in tasks.items() if task == "detect"}
    assert {file.stem: OmegaConf.load(file).name for file in FILES} == {name.lower(): name for name in detection}


def test_grey_images_are_read_as_three_equal_channels(tmp_path: Path) -> None:
    for split in ("train", "val"):
        file = tmp_path / "coco8-grayscale" / "images" / split / "a.png"
        file.parent.mkdir(parents=True)
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)).save(file)
        label = tmp_path / "coco8-grayscale" / "labels" / split / "a.txt"
        label.parent.mkdir(parents=True)
        label.write_text("0 0.5 0.5 0.2 0.2\n")
    spec = named(name="coco8-grayscale", root=str(tmp_path))
    sample = build_dataset(spec, "val", SimpleNamespace(), 32, 1, augment=False, rect=False)[0]
    assert sample["img"].shape == (3, 32, 32)
    assert (sample["img"][0] == sample["img"][2]).all()


def test_a_network_that_swallows_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    def hang(*_: Any, **__: Any) -> None:
        time.sleep(2)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", hang)
    start = time.perf_counter()
    assert network.unreachable("https://example.org/a.zip", 0.3) == (
        "https://example.org does not answer within 0.3 s; is there a network?"
    )
    assert time.perf_counter() - start < 1


def test_a_folder_without_images_is_not_overwritten(cache: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_download(monkeypatch, served)
    (cache / "datasets" / "coco8" / "mine").mkdir(parents=True)
    with pytest.raises(UserError, match="lacks images; remove it"):
        named(name="coco8")
    assert (cache / "datasets" / "coco8" / "mine").is_dir()


def test_sets_that_are_there_need_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "unreachable", lambda *_: pytest.fail("asked for the network"))
    for year in ("train2012", "train2007", "val2012", "val2007", "test2007"):
        (tmp_path / "VOC" / "images" / year).mkdir(parents=True)
    spec = named(name="VOC", root=str(tmp_path))
    assert [Path(path).name for path in spec.train] == ["train2012", "train2007", "val2012", "val2007"]
    assert spec.names[19] == "tvmonitor"
    (tmp_path / "coco").mkdir()
    for name in ("train2017", "val2017"):
        (tmp_path / "coco" / f"{name}.txt").touch()
    assert named(name="coco", root=str(tmp_path)).test == (str(tmp_path / "coco" / "test-dev2017.txt"),)
