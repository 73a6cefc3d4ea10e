"""Draws: what decides about a sample travels with it."""

from types import SimpleNamespace

import torch
from omegaconf import OmegaConf

from yolograft.config.locations import conf_dir
from yolograft.data.dataset import build_dataset
from yolograft.data.module import DrawnDataset, EpochSampler
from yolograft.data.sources.shapes import shapes

HYP = dict(OmegaConf.load(conf_dir() / "augment" / "default.yaml"))  # type: ignore[arg-type]


def test_each_epoch_draws_every_image_once_in_an_order_of_its_own() -> None:
    sampler = EpochSampler(50, seed=0, epochs=10, close_mosaic=2)
    orders = []
    for epoch in range(10):
        sampler.set_epoch(epoch)
        draws = list(sampler)
        assert sorted(d.index for d in draws) == list(range(50))
        assert all(d.closed == (epoch >= 8) for d in draws)
        orders.append([d.index for d in draws])
    assert len({tuple(order) for order in orders}) == 10


def test_a_later_start_draws_what_an_uninterrupted_run_would() -> None:
    whole = EpochSampler(20, seed=3, epochs=10, close_mosaic=5)
    whole.set_epoch(6)
    resumed = EpochSampler(20, seed=3, epochs=10, close_mosaic=5, start_epoch=4)
    resumed.set_epoch(2)
    assert list(whole) == list(resumed)


def test_seeds_differ_in_order_and_augmentation() -> None:
    a, b = list(EpochSampler(20, 0, 5, 0)), list(EpochSampler(20, 1, 5, 0))
    assert [d.index for d in a] != [d.index for d in b]
    assert {d.seed for d in a}.isdisjoint(d.seed for d in b)


def test_a_draw_gives_the_same_sample_whatever_came_before() -> None:
    spec = shapes(train=8, val=1, size=64)
    dataset = build_dataset(spec, "train", SimpleNamespace(**HYP), imgsz=64, batch=4, augment=True, rect=False)
    drawn = DrawnDataset(dataset, HYP)
    draws = list(EpochSampler(8, 0, 5, 0))
    first = drawn[draws[0]]
    state = torch.get_rng_state()
    for draw in draws[1:]:
        drawn[draw]
    again = drawn[draws[0]]
    assert torch.equal(first["img"], again["img"])
    assert torch.equal(first["bboxes"], again["bboxes"])
    assert torch.equal(torch.get_rng_state(), state)  # the training's own random numbers are untouched


def test_closing_mosaic_shows_single_images() -> None:
    spec = shapes(train=8, val=1, size=64)
    quiet = {**HYP, "hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0, "translate": 0.0, "scale": 0.0, "fliplr": 0.0}
    dataset = build_dataset(spec, "train", SimpleNamespace(**quiet), imgsz=64, batch=4, augment=True, rect=False)
    drawn = DrawnDataset(dataset, quiet)
    sampler = EpochSampler(8, 0, 2, close_mosaic=1)
    sampler.set_epoch(1)
    for draw in sampler:
        assert len(drawn[draw]["cls"]) == len(dataset.labels[draw.index]["cls"])
