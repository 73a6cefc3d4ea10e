"""Pictures painted from descriptions are those of ultralytics' own augmentation; boxes are the same to the bit."""

import pickle
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from yolograft.compute.devices import Compute
from yolograft.config.locations import conf_dir
from yolograft.data import on_device
from yolograft.data.dataset import DetectionDataset, build_dataset
from yolograft.data.draws import Draw, DrawnDataset, EpochBatches, closed
from yolograft.data.hsv import to_bgr, to_hsv
from yolograft.data.module import DetectionData
from yolograft.data.on_device import drawn
from yolograft.data.painting import Painter
from yolograft.data.pictures import Pictures
from yolograft.data.sources.shapes import shapes
from yolograft.upstream.picture_plan import planning, planning_transforms

DEFAULT: dict[str, Any] = dict(OmegaConf.load(conf_dir() / "augment" / "default.yaml"))
STRONG = {
    **DEFAULT,
    "degrees": 20.0,
    "shear": 5.0,
    "flipud": 0.5,
    "bgr": 0.5,
    "mixup": 0.5,
    "cutmix": 0.5,
    "mosaic": 0.7,
}
VALUES = {
    "default": DEFAULT,
    "closed": closed(DEFAULT),
    "strong": STRONG,
    "perspective": {**DEFAULT, "perspective": 0.001, "hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0},
    "mixed": {**DEFAULT, "mixup": 1.0, "cutmix": 1.0},
}
CPU = Compute("cpu", 1, None, True, 1, 0)


@pytest.fixture(scope="module")
def dataset() -> DetectionDataset:
    spec = shapes(train=24, val=1, size=128)
    return build_dataset(spec, "train", SimpleNamespace(**DEFAULT), imgsz=96, batch=8, augment=True, rect=False)


def both(dataset: DetectionDataset, values: dict[str, Any]) -> tuple[DrawnDataset, DrawnDataset, Painter]:
    loaded = [dataset.load_image(index) for index in range(len(dataset))]
    images = torch.full((len(loaded), 3, 96, 96), 114, dtype=torch.uint8)
    for image, (pixels, _, (height, width)) in zip(images, loaded, strict=True):
        image[:, :height, :width] = torch.from_numpy(pixels).permute(2, 0, 1)
    planned = planning(dataset, [(original, resized) for _, original, resized in loaded])
    return DrawnDataset(dataset, [values]), DrawnDataset(planned, [values]), Painter(images, torch.device("cpu"))


@pytest.mark.parametrize("kind", VALUES)
def test_a_batch_is_what_ultralytics_makes_of_the_same_draws(dataset: DetectionDataset, kind: str) -> None:
    stock, planned, painter = both(dataset, VALUES[kind])
    draws = [Draw(index, seed=100 + index, mode=0) for index in range(24)]
    theirs = [stock[draw] for draw in draws]
    ours = [pickle.loads(pickle.dumps(planned[draw])) for draw in draws]  # as it comes from a loader's process
    for a, b in zip(ours, theirs, strict=True):
        assert set(a) == set(b)
        for key in set(a) - {"img"}:
            assert torch.equal(a[key], b[key]) if isinstance(a[key], torch.Tensor) else a[key] == b[key], key
    painted = painter(Pictures.of([sample["img"] for sample in ours])).int()
    expected = torch.stack([sample["img"] for sample in theirs]).int()
    off = (painted - expected).abs()
    assert off.float().mean() < 0.6
    assert (off > 8).float().mean() < 0.01  # a pixel on the edge of a tile, or a hue that turns over


def test_without_interpolation_and_colours_pictures_are_equal(dataset: DetectionDataset) -> None:
    still = {**STRONG, "degrees": 0.0, "shear": 0.0, "scale": 0.0, "translate": 0.0, "mixup": 0.0}
    still |= {"hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0}
    stock, planned, painter = both(dataset, still)
    for index in range(24):
        draw = Draw(index, seed=index, mode=0)
        assert torch.equal(painter(Pictures.of([planned[draw]["img"]]))[0], stock[draw]["img"])


def test_colours_are_opencvs() -> None:
    rng = np.random.default_rng(0)
    bgr = rng.integers(0, 256, (64, 256, 3), np.uint8)
    batch = torch.from_numpy(bgr).permute(2, 0, 1)[None]
    assert np.array_equal(to_hsv(batch)[0].permute(1, 2, 0).numpy(), cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV))
    hsv = np.stack((rng.integers(0, 180, (64, 256)), *rng.integers(0, 256, (2, 64, 256))), -1).astype(np.uint8)
    back = to_bgr(torch.from_numpy(hsv).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    off = np.abs(back.astype(int) - cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR))
    assert off.max() <= 1  # OpenCV cuts off or rounds, as the processor's vectors have it
    assert (off > 0).mean() < 0.4


def test_the_loader_gives_descriptions_and_the_training_paints_them(dataset: DetectionDataset) -> None:
    train, painter = drawn(dataset, [DEFAULT], "gpu", CPU)
    batches = EpochBatches(len(dataset), 8, seed=0)
    data = DetectionData(train, dataset, batches, val_batch=8, workers=0, painter=painter)
    stock = DetectionData(DrawnDataset(dataset, [DEFAULT]), dataset, batches, val_batch=8, workers=0)
    for ours, theirs in zip(data.train_dataloader(), stock.train_dataloader(), strict=True):
        assert isinstance(ours["img"], Pictures)
        assert len(ours["img"]) == 8
        painted = data.on_after_batch_transfer(ours, 0)
        assert painted["img"].shape == theirs["img"].shape
        assert painted["img"].dtype == torch.uint8
        assert torch.equal(painted["bboxes"], theirs["bboxes"])
        assert torch.equal(painted["batch_idx"], theirs["batch_idx"])


def test_on_a_cpu_ultralytics_augments(dataset: DetectionDataset) -> None:
    for where in ("auto", "cpu"):
        train, painter = drawn(dataset, [DEFAULT], where, CPU)
        assert painter is None
        assert isinstance(train[Draw(0, 0, 0)]["img"], torch.Tensor)


@pytest.mark.parametrize("fault", ["too large", "another transform", "other pictures"])
def test_what_cannot_be_done_on_the_device_is_done_by_the_loader_and_said(
    dataset: DetectionDataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    if fault == "too large":
        monkeypatch.setattr(on_device, "_SHARE", 1e-9)
        reason = "24 images take 0.0 GB"
    elif fault == "another transform":
        monkeypatch.setattr("yolograft.upstream.picture_plan._PLANNING", {})
        reason = "the transform Mosaic"
    else:
        monkeypatch.setattr(Painter, "__call__", lambda _, batch: torch.zeros(1, 3, batch.height, batch.width))
        reason = "its pictures differ from ultralytics' by "
    train, painter = drawn(dataset, [DEFAULT], "gpu", CPU)
    assert painter is None
    assert isinstance(train[Draw(0, 0, 0)]["img"], torch.Tensor)
    assert reason in caplog.text


def test_images_in_pinned_memory_are_taken_one_by_one(dataset: DetectionDataset) -> None:
    _, planned, painter = both(dataset, DEFAULT)
    pictures = Pictures.of([planned[Draw(index, seed=index, mode=0)]["img"] for index in range(4)])
    elsewhere = replace(pictures, indices=pictures.indices.to("meta"))
    assert torch.equal(painter._taken(elsewhere, slice(1, 3)), painter._taken(pictures, slice(1, 3)))


def test_a_mosaic_of_nine_is_refused(dataset: DetectionDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = planning(dataset, [])
    transforms = planned.build_transforms

    def nine(hyp: Any) -> Any:
        built = transforms(hyp)
        built.transforms[0].transforms[0].n = 9
        return built

    monkeypatch.setattr(planned, "build_transforms", nine)
    with pytest.raises(ValueError, match="a mosaic of other than four"):
        planning_transforms(planned, DEFAULT)
