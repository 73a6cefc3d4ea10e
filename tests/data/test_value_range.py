"""Images of more than 8 bits: said to be nearly black where they are, and spread by `dataset.range`."""

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from helpers.program import Program
from yolograft.config.schema import DatasetOptions
from yolograft.data.dataset import build_dataset
from yolograft.data.image_cache import image_cache
from yolograft.data.spec import DataSpec
from yolograft.runs.identity import identity
from yolograft.upstream.decoding import ImageReader
from yolograft.upstream.images import inspect_image, read_image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))


def values(kind: type, most: float, channels: int = 1) -> np.ndarray:
    """A ramp from 0 to a value, 48 x 64."""
    ramp: np.ndarray = np.linspace(0, most, 48 * 64).reshape(48, 64).astype(kind)
    return ramp if channels == 1 else np.stack([ramp] * channels, axis=2)


def written(file: Path, image: np.ndarray) -> str:
    file.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(file), image)
    return str(file)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_lost_is_said(tmp_path: Path, suffix: str, channels: int) -> None:
    file = written(tmp_path / f"a.{suffix}", values(np.uint16, 2400, channels))
    assert inspect_image(file).notes == (
        (
            "range",
            "16 bits per channel, values 0 to 2400: loaded, the brightest is 9 of 255; "
            "dataset.range=[0,4095] spreads them over 0 to 255",
        ),
    )
    assert [kind for kind, _ in inspect_image(file, (0, 4095)).notes] == ["16-bit"]
    bright = written(tmp_path / f"b.{suffix}", values(np.uint16, 65535, channels))
    assert [kind for kind, _ in inspect_image(bright).notes] == ["16-bit"]


def test_a_range_becomes_0_to_255(tmp_path: Path) -> None:
    raw = values(np.uint16, 4000)
    for suffix in ("png", "tif"):
        spread = read_image(written(tmp_path / f"a.{suffix}", raw), (1000, 3000))
        assert spread is not None
        expected = np.clip(np.rint((raw.astype(np.float64) - 1000) * 255 / 2000), 0, 255)
        assert np.abs(spread[..., 0] - expected).max() <= 1  # single precision decides at halves
        assert (spread.min(), spread.max()) == (0, 255)
        assert spread.dtype == np.uint8
    plain = written(tmp_path / "b.png", values(np.uint8, 9, 3))
    np.testing.assert_array_equal(read_image(plain, (0, 4095)), cv2.imread(plain))


def test_images_of_8_bits_are_loaded_as_without_it(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 70, 101, 3), dtype=np.uint8)
    files = [written(tmp_path / f"{index}.png", image[: 30 + 20 * index]) for index, image in enumerate(noise)]
    for imgsz in (32, 64, 128):
        with_range, without = ImageReader(files, imgsz, 3, (0, 4095)), ImageReader(files, imgsz, 3)
        for index in range(3):
            one, other = with_range.load_image(index), without.load_image(index)
            np.testing.assert_array_equal(one[0], other[0])
            assert one[1:] == other[1:]


def test_training_and_the_image_cache_see_the_same(tmp_path: Path) -> None:
    file = written(tmp_path / "images" / "a.png", values(np.uint16, 4095))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    spec = DataSpec("deep", (str(tmp_path / "images"),), (), (), {0: "a"}, str(tmp_path), range=(0, 4095))
    dataset = build_dataset(spec, "train", SimpleNamespace(), 64, 1, augment=False, rect=False)
    assert dataset.scan.faults[0].kind == "16-bit"
    loaded = dataset.load_image(0)
    assert loaded[0].max() == 255
    kept = image_cache([file], 64, 3, 1.0, (0, 4095))
    assert kept is not None
    dataset.image_cache = kept
    np.testing.assert_array_equal(dataset.load_image(0)[0], loaded[0])
    other = image_cache([file], 64, 3, 1.0)
    assert other is not None
    assert other.path != kept.path


def test_the_option() -> None:
    assert DatasetOptions(range=4095).limits == (0, 4095)
    assert DatasetOptions(range=[100, 4095]).limits == (100, 4095)
    assert DatasetOptions().limits is None
    for wrong in ([5, 5], [9, 1], [1], 0, "x"):
        with pytest.raises(ValueError):
            DatasetOptions(range=wrong)  # type: ignore[arg-type]


def test_runs_without_it_keep_their_identity() -> None:
    older = {"dataset": {"_target_": "yolograft.data.sources.shapes.shapes", "check": "strict", "split": None}}
    now = {"dataset": {**older["dataset"], "range": None}}
    deep = {"dataset": {**older["dataset"], "range": 4095}}
    assert identity(older) == identity(now) != identity(deep)


def test_a_run_is_told(tmp_path: Path, yolograft: Program) -> None:
    for split in ("train", "val"):
        for index in range(2):
            image = values(np.uint16, 2000 + 100 * index)[:: 1 - 2 * index, :: 1 - 2 * (split == "val")]
            (tmp_path / "set" / split / "images").mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / split / "labels").mkdir(exist_ok=True)
            written(tmp_path / "set" / split / "images" / f"{index}.png", np.ascontiguousarray(image))
            (tmp_path / "set" / split / "labels" / f"{index}.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    (tmp_path / "set" / "classes.txt").write_text("a\n")
    settings = ("dataset=auto", "dataset.path=set", "format=json", "dataset.check=warn")
    done = yolograft("data", *settings)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["root"]
    assert "the brightest is 7 of 255; dataset.range=[0,2047]" in done.stdout
    spread = yolograft(
        "data", "dataset=auto", "dataset.path=set", "format=json", "dataset.check=warn", "dataset.range=2047"
    )
    assert spread.returncode == 0, spread.stderr
    assert "dataset.range" not in spread.stdout
