"""What a task says of itself is what its trainings bring."""

import torch

from helpers.training import Build, Train
from yolograft.config.defaults import base_choices, default_choices
from yolograft.model.bases import DEFAULT_BASE
from yolograft.tasks.detect import DETECT


def test_the_losses_are_those_that_ultralytics_returns(build: Build) -> None:
    model = build(nc=2).train()
    batch = {"img": torch.zeros(2, 3, 64, 64), **DETECT.noise_labels(2)}
    _, items = model.loss(batch, model(batch["img"]))
    assert tuple(items) == tuple(loss.key for loss in DETECT.losses)


def test_a_trainings_columns_are_plotted_and_watched(run: Train) -> None:
    _, folder = run("epochs=1")
    columns = (folder / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {column for panel in DETECT.panels for column in panel.columns} <= set(columns)
    assert set(DETECT.watched) <= set(columns)
    assert f"metrics/{DETECT.fitness}" in columns
    assert [c.removeprefix("metrics/") for c in columns if c.startswith("metrics/")] == list(DETECT.metrics)


def test_the_base_is_what_is_composed_by_default(build: Build) -> None:
    assert base_choices(default_choices()["base"]).items() <= default_choices().items()
    assert build().spec.loss["_target_"] == DEFAULT_BASE.loss
