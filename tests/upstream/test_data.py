"""What the adapter relies on in ultralytics, and what it changes: samples must otherwise be stock's, bit for bit."""

import copy
import hashlib
import io
import pickle
import random
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from yolograft.data.dataset import DetectionDataset, build_dataset
from yolograft.data.image_cache import image_cache
from yolograft.data.spec import DataSpec
from yolograft.upstream.data import full_hyp
from yolograft.upstream.images import UnreadableImageError, inspect_image

NAMES = {0: "cat", 1: "dog", 2: "cow"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def spec(tmp_path: Path) -> DataSpec:
    """Ten noisy images of several shapes and sizes, boxes and a background, in folders with odd names."""
    rng = np.random.default_rng(0)
    root = tmp_path / "my données 数据"
    for split in ("train", "val"):
        images, labels = root / "images" / split, root / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for index in range(10):
            shape = (int(rng.integers(40, 120)), int(rng.integers(40, 120)), 3)
            suffix = ("jpg", "png", "bmp")[index % 3]
            Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(images / f"im {index}.{suffix}")
            rows = [f"{rng.integers(3)} {' '.join(f'{v:.4f}' for v in rng.uniform(0.3, 0.6, 4))}" for _ in range(index)]
            (labels / f"im {index}.txt").write_text("\n".join(rows))
    paths = [(str(root / "images" / split),) for split in ("train", "val")]
    return DataSpec("test", paths[0], paths[1], (), NAMES, str(root))


def stock(spec: DataSpec, split: str, augment: bool, rect: bool, hyp: SimpleNamespace, cache: Any) -> Any:
    """Ultralytics' data set as its own trainer builds it."""
    from ultralytics.data.build import build_yolo_dataset

    config = full_hyp(hyp)
    for key, value in {"imgsz": 64, "rect": False, "cache": cache, "task": "detect", "fraction": 1.0}.items():
        setattr(config, key, value)
    data = spec.as_ultralytics()
    return build_yolo_dataset(config, data[split][0], 4, data, mode="train" if augment else "val", rect=rect, stride=32)


def digest(sample: dict[str, Any]) -> str:
    parts = [f"{key}={sample[key]}" for key in ("im_file", "ori_shape", "resized_shape") if key in sample]
    parts += [
        hashlib.sha256(sample[key].numpy().tobytes()).hexdigest() for key in ("img", "cls", "bboxes", "batch_idx")
    ]
    return " ".join(parts)


def drawn(dataset: Any, index: int, seed: int) -> str:
    random.seed(seed)
    np.random.seed(seed)
    return digest(dataset[index])


@pytest.mark.parametrize("rect", [True, False])
def test_val_samples_are_stock_s(spec: DataSpec, rect: bool) -> None:
    ours = build_dataset(spec, "val", SimpleNamespace(), 64, 4, augment=False, rect=rect)
    theirs = stock(spec, "val", False, rect, SimpleNamespace(), False)
    assert [digest(ours[i]) for i in range(10)] == [digest(theirs[i]) for i in range(10)]
    if rect:
        assert ours.batch_shapes.tolist() == theirs.batch_shapes.tolist()


@pytest.mark.parametrize(
    "hyp",
    [
        {},
        {"mosaic": 0.0},
        {"mixup": 0.7, "cutmix": 0.5, "degrees": 10.0, "flipud": 0.5, "bgr": 0.5},
        {"copy_paste": 0.5},
    ],
    ids=["default", "no mosaic", "mixed", "copy-paste"],
)
def test_train_samples_are_stock_s(spec: DataSpec, hyp: dict[str, float]) -> None:
    ours = build_dataset(spec, "train", SimpleNamespace(**hyp), 64, 4, augment=True, rect=False)
    theirs = stock(spec, "train", True, False, SimpleNamespace(**hyp), "ram")
    for index in range(10):
        for seed in (1, 2):
            assert drawn(ours, index, seed) == drawn(theirs, index, seed)
    for dataset in (ours, theirs):
        dataset.close_mosaic(copy.copy(full_hyp(SimpleNamespace(**hyp))))
    assert [drawn(ours, i, 3) for i in range(10)] == [drawn(theirs, i, 3) for i in range(10)]


@pytest.mark.parametrize("cached", [False, True])
def test_samples_do_not_depend_on_what_was_drawn_before(spec: DataSpec, cached: bool) -> None:
    # without shifts and scaling an image reaches the colour augmentation as it was loaded, which writes into it
    for hyp in (SimpleNamespace(mosaic=0.5), SimpleNamespace(mosaic=0.0, translate=0.0, scale=0.0, hsv_v=0.9)):
        fresh = build_dataset(spec, "train", hyp, 64, 2, augment=True, rect=False)
        used = build_dataset(spec, "train", hyp, 64, 2, augment=True, rect=False)
        used.image_cache = image_cache(used.im_files, 64, 3, 1.0) if cached else None
        assert cached == (used.image_cache is not None)
        for index in (3, 3, 9, 1, 4, 4):
            drawn(used, index, index)
        assert [drawn(used, i, 7) for i in range(10)] == [drawn(fresh, i, 7) for i in reversed(range(10))][::-1]


def test_mosaic_chooses_among_all_images(spec: DataSpec) -> None:
    dataset = build_dataset(spec, "train", SimpleNamespace(), 64, 4, augment=True, rect=False)
    mosaic = dataset.transforms.transforms[0].transforms[0]
    assert type(mosaic).__name__ == "Mosaic"
    random.seed(0)
    assert {index for _ in range(100) for index in mosaic.get_indexes()} == set(range(10))
    assert dataset.cache is None


def test_building_leaves_the_random_states(spec: DataSpec) -> None:
    random.seed(3)
    np.random.seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    build_dataset(spec, "train", SimpleNamespace(), 64, 4, augment=True, rect=False)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index]


def test_a_data_set_reaches_workers_that_are_spawned(spec: DataSpec) -> None:
    dataset = build_dataset(spec, "train", SimpleNamespace(), 64, 4, augment=True, rect=False)
    other: DetectionDataset = pickle.loads(pickle.dumps(dataset))
    assert drawn(other, 5, 1) == drawn(dataset, 5, 1)
    assert other.scan.rows.tolist() == dataset.scan.rows.tolist()


def test_npy_files_beside_images_are_the_user_s(spec: DataSpec) -> None:
    plain = build_dataset(spec, "val", SimpleNamespace(), 64, 4, augment=False, rect=False)
    image = Path(plain.im_files[0])
    image.with_suffix(".npy").write_bytes(b"something of the user's")
    before = digest(plain[0])
    again = build_dataset(spec, "val", SimpleNamespace(), 64, 4, augment=False, rect=False)
    assert digest(again[0]) == before
    assert image.with_suffix(".npy").read_bytes() == b"something of the user's"


def save(path: Path, kind: str, **options: Any) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, kind, **options)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "JPEG2000"])
def test_inspect_image(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"ä b.{ {'JPEG2000': 'jp2'}.get(kind, kind.lower()) }"
    whole = save(file, kind)
    assert inspect_image(str(file)).shape == (30, 50)
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableImageError, match=r"does not decode|not an image"):
        inspect_image(str(file))
    assert file.read_bytes() == whole[: len(whole) // 2]


def test_exif_rotation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    for kind, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif")):
        file = tmp_path / f"turned.{suffix}"
        save(file, kind, exif=exif)
        from ultralytics.utils.patches import imread

        loaded = imread(str(file))
        assert loaded is not None
        assert inspect_image(str(file)).shape == loaded.shape[:2]


def test_a_jpeg_with_bytes_after_its_end_is_used_and_left_alone(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.jpg", "JPEG") + b"\0\0\0"  # ultralytics would write it anew
    (tmp_path / "a.jpg").write_bytes(whole)
    assert inspect_image(str(tmp_path / "a.jpg")).shape == (30, 50)
    assert (tmp_path / "a.jpg").read_bytes() == whole


def test_images_that_are_none(tmp_path: Path) -> None:
    cases: dict[str, tuple[bytes, str]] = {
        "empty.jpg": (b"", r"empty \(0 bytes\)"),
        "text.jpg": (b"not a picture", "not an image, whatever its suffix says"),
        "text.png": (b"not a picture", "not an image, whatever its suffix says"),
    }
    stream = io.BytesIO()
    Image.new("RGB", (20, 20)).save(stream, "GIF")
    cases["animated.png"] = (stream.getvalue(), "of format gif, which ultralytics does not read")
    stream = io.BytesIO()
    Image.new("RGB", (9, 200)).save(stream, "PNG")
    cases["thin.png"] = (stream.getvalue(), "is 9x200 pixels; ultralytics uses none below 10x10")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, (data, message) in cases.items():
            (tmp_path / name).write_bytes(data)
            with pytest.raises(UnreadableImageError, match=message):
                inspect_image(str(tmp_path / name))
    with pytest.raises(UnreadableImageError, match="the image does not exist"):
        inspect_image(str(tmp_path / "nowhere.jpg"))


def test_grey_alpha_palette_and_16_bit_images_load_as_they_do_in_stock(tmp_path: Path) -> None:
    root = tmp_path / "kinds"
    (root / "images").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 4), dtype=np.uint8)
    Image.fromarray(noise[..., 0]).save(root / "images" / "grey.png")
    Image.fromarray(noise).save(root / "images" / "alpha.png")
    Image.fromarray(noise[..., :3]).quantize(16).save(root / "images" / "palette.png")
    Image.fromarray(noise[..., :3]).convert("CMYK").save(root / "images" / "cmyk.jpg")
    deep = cv2.imencode(".png", noise[..., 0].astype(np.uint16) * 257)[1]
    (root / "images" / "deep.png").write_bytes(deep.tobytes())
    shutil.copytree(root / "images", root / "labels")  # only to have the folder
    spec = DataSpec("kinds", (), (str(root / "images"),), (), NAMES, str(root))
    ours = build_dataset(spec, "val", SimpleNamespace(), 64, 4, augment=False, rect=False)
    theirs = stock(spec, "val", False, False, SimpleNamespace(), False)
    assert len(ours) == 5
    assert [digest(ours[i]) for i in range(5)] == [digest(theirs[i]) for i in range(5)]
