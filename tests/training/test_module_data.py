"""Draws: what decides about a sample travels with it."""

import traceback
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from omegaconf import OmegaConf

from yolograft.compute.reproducible import seed
from yolograft.config.locations import conf_dir
from yolograft.data.dataset import build_dataset
from yolograft.data.draws import DrawnDataset, EpochBatches, closed
from yolograft.data.sources.shapes import shapes

HYP = dict(OmegaConf.load(conf_dir() / "augment" / "default.yaml"))


def draws(batches: EpochBatches) -> list:
    return [draw for batch in batches for draw in batch]


def test_each_epoch_draws_every_image_once_in_an_order_of_its_own() -> None:
    batches = EpochBatches(50, 8, seed=0, mode=lambda epoch: int(epoch >= 8))
    orders = []
    for epoch in range(10):
        batches.set_epoch(epoch)
        assert [len(batch) for batch in batches] == [8, 8, 8, 8, 8, 8, 2]
        drawn = draws(batches)
        assert sorted(d.index for d in drawn) == list(range(50))
        assert all(d.mode == (epoch >= 8) for d in drawn)
        orders.append(tuple(d.index for d in drawn))
    assert len(set(orders)) == 10


def test_a_later_start_draws_what_an_uninterrupted_run_would() -> None:
    whole = EpochBatches(20, 4, seed=3)
    whole.set_epoch(6)
    resumed = EpochBatches(20, 4, seed=3, start_epoch=4)
    resumed.set_epoch(2)
    assert list(whole) == list(resumed)


def test_batches_that_were_finished_come_out_empty() -> None:
    whole, resumed = EpochBatches(20, 4, seed=3), EpochBatches(20, 4, seed=3, start_batch=2)
    assert list(resumed) == [[], [], *list(whole)[2:]]
    for batches in (whole, resumed):
        batches.set_epoch(1)
    assert list(resumed) == list(whole)


def test_processes_share_every_batch() -> None:
    whole = list(EpochBatches(21, 6, seed=0))
    shares = [list(EpochBatches(21, 6, seed=0, rank=rank, world=2)) for rank in range(2)]
    assert [a + b for a, b in zip(*shares, strict=True)] == whole


def test_a_batch_too_small_for_all_processes_is_left_out() -> None:
    assert len(EpochBatches(13, 6, seed=0, world=2)) == 2
    assert len(EpochBatches(13, 6, seed=0)) == 3


def test_seeds_and_attempts_differ_in_order_and_augmentation() -> None:
    drawn = [draws(EpochBatches(20, 4, seed)) for seed in (0, 1)] + [draws(EpochBatches(20, 4, 0, attempt=1))]
    for a, b in ((0, 1), (0, 2)):
        assert [d.index for d in drawn[a]] != [d.index for d in drawn[b]]
        assert {d.seed for d in drawn[a]}.isdisjoint(d.seed for d in drawn[b])


def test_without_shuffling_the_order_is_the_data_sets() -> None:
    assert [d.index for d in draws(EpochBatches(9, 4, 0, shuffle=False))] == list(range(9))


def test_a_draw_gives_the_same_sample_whatever_came_before() -> None:
    spec = shapes(train=8, val=1, size=64)
    dataset = build_dataset(spec, "train", SimpleNamespace(**HYP), imgsz=64, batch=4, augment=True, rect=False)
    drawn = DrawnDataset(dataset, [HYP])
    order = draws(EpochBatches(8, 4, 0))
    first = drawn[order[0]]
    state = torch.get_rng_state()
    for draw in order[1:]:
        drawn[draw]
    again = drawn[order[0]]
    assert torch.equal(first["img"], again["img"])
    assert torch.equal(first["bboxes"], again["bboxes"])
    assert torch.equal(torch.get_rng_state(), state)  # the training's own random numbers are untouched


def test_a_draw_seeds_the_cpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """`torch.manual_seed` formats a stack trace for each kind of device not in use: a third of a sample's time."""
    spec = shapes(train=8, val=1, size=64)
    dataset = build_dataset(spec, "train", SimpleNamespace(**HYP), imgsz=64, batch=4, augment=True, rect=False)
    formatted = mock.Mock(return_value=[])
    monkeypatch.setattr(traceback, "format_stack", formatted)
    DrawnDataset(dataset, [HYP])[draws(EpochBatches(8, 4, 0))[0]]
    formatted.assert_not_called()


def test_a_seed_gives_the_draws_of_torch() -> None:
    with torch.random.fork_rng(devices=[]):
        seed(7, torch.device("cpu"))
        drawn = torch.rand(3)
        torch.manual_seed(7)
        assert torch.equal(drawn, torch.rand(3))


def test_closing_mosaic_shows_single_images() -> None:
    spec = shapes(train=8, val=1, size=64)
    quiet = {**HYP, "hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0, "translate": 0.0, "scale": 0.0, "fliplr": 0.0}
    dataset = build_dataset(spec, "train", SimpleNamespace(**quiet), imgsz=64, batch=4, augment=True, rect=False)
    drawn = DrawnDataset(dataset, [quiet, closed(quiet)])
    for draw in draws(EpochBatches(8, 4, 0, mode=lambda epoch: 1)):
        assert len(drawn[draw]["cls"]) == len(dataset.labels[draw.index]["cls"])
