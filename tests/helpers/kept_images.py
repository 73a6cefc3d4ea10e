"""Noisy images, and caches of them."""

from pathlib import Path

import numpy as np
from PIL import Image

from yolograft.data.image_cache import ImageCache, image_cache
from yolograft.upstream.data import LoadedImage
from yolograft.upstream.decoding import ImageReader

IMGSZ = 64


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
