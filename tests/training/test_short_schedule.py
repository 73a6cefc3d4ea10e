"""A schedule that leaves no optimizer step says so before the first epoch, and its advice is true."""

import logging
import math
import re

import pytest

from helpers.training import Train
from yolograft.training.recipe import Recipe
from yolograft.training.short_schedule import say_steps

OPTIM = {"lrf": 0.01, "warmup_epochs": 3.0, "cos_lr": False, "nbs": 64, "weight_decay": 0.0005, "warmup_bias_lr": 0.0}


def recipe(images: int, batch: int, epochs: int, nbs: int = 64) -> Recipe:
    return Recipe(epochs, math.ceil(images / batch), batch, images, {**OPTIM, "nbs": nbs})


@pytest.mark.parametrize(
    ("images", "batch", "epochs", "steps"),
    [(16, 4, 2, 0), (16, 16, 3, 0), (16, 16, 5, 1), (1, 16, 10, 2), (256, 16, 1, 4), (256, 16, 3, 18)],
)
def test_steps_are_counted_as_the_training_makes_them(images: int, batch: int, epochs: int, steps: int) -> None:
    assert recipe(images, batch, epochs).steps(0.0) == steps


def test_biases_begin_at_their_own_rate() -> None:
    assert recipe(16, 4, 2).steps(0.1) == 1


def test_a_short_schedule_is_a_warning_with_advice_that_is_true(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        say_steps(recipe(16, 4, 2), OPTIM)
    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    text = said.getMessage()
    assert text.startswith("2 epochs of 4 batches: 0 optimizer steps with a rate above 0, so nothing is learnt: ")
    told = dict(re.findall(r"(\S+) gives (\d+)", text))
    assert [advice.split("=")[0] for advice in told] == ["optim.nbs", "epochs"]
    for advice, steps in told.items():
        key, value = advice.split("=")
        changed = recipe(**{"images": 16, "batch": 4, "epochs": 2, key.removeprefix("optim."): int(value)})
        assert changed.steps(0.0) == int(steps) > 0
        assert key != "epochs" or int(steps) >= 100


def test_a_long_one_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        say_steps(recipe(640, 16, 100), OPTIM)
    (said,) = caplog.records
    assert said.levelno == logging.INFO
    assert re.fullmatch(r"100 epochs of 40 batches: \d{3,} optimizer steps with a rate above 0", said.getMessage())


def test_the_training_counts_the_same(run: Train, caplog: pytest.LogCaptureFixture) -> None:
    from yolograft.training.module import DetectionTraining

    made: list[list[float]] = []
    step = DetectionTraining.step

    def counted(self):
        made.append([group["lr"] for group in self.optimizer.param_groups])
        step(self)

    with pytest.MonkeyPatch.context() as patch, caplog.at_level("INFO"):
        patch.setattr(DetectionTraining, "step", counted)
        run("optim.nbs=12", "epochs=3")
    told = re.search(r": (\d+) optimizer steps? with", caplog.text)
    assert told
    assert int(told[1]) == sum(any(rates) for rates in made) > 0
