"""Log how many optimizer steps a schedule has: warm-up and accumulation may leave a short one none."""

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from yolograft.training.recipe import Recipe

log = logging.getLogger(__name__)

ENOUGH = 100
"""Optimizer steps below which a model from random weights has hardly begun to learn."""


def say_steps(recipe: Recipe, optim: Mapping[str, Any]) -> None:
    """Say how many optimizer steps a training has, and where they are few, what gives more.

    Args:
        recipe: The schedule.
        optim: The `optim` group as the optimizer was built with.
    """
    bias_lr = float(optim["warmup_bias_lr"])
    steps = recipe.steps(bias_lr)
    made = f"{_counted(recipe.epochs, 'epoch')} of {_counted(recipe.batches, 'batch')}"
    said = f"{made}: {_counted(steps, 'optimizer step')} with a rate above 0"
    if steps >= ENOUGH:
        log.info("%s", said)
        return
    advice = "; ".join(f"{key} gives {more}" for key, more in _remedies(recipe, bias_lr, steps))
    verdict = "hardly enough to learn from" if steps else "so nothing is learnt"
    log.warning("%s, %s: %s.", said, verdict, advice)


def _counted(count: int, what: str) -> str:
    plural = f"{what}es" if what.endswith("ch") and what != "epoch" else f"{what}s"
    return f"{count} {what if count == 1 else plural}"


def _remedies(recipe: Recipe, bias_lr: float, steps: int) -> list[tuple[str, int]]:
    """Return settings that each alone give more steps, with how many."""
    found = []
    if recipe.batch < recipe.optim["nbs"]:
        stepping = replace(recipe, optim={**recipe.optim, "nbs": recipe.batch})
        found.append((f"optim.nbs={recipe.batch}", stepping.steps(bias_lr)))
    batch = max(recipe.batch // 4, 1)
    smaller = replace(recipe, batch=batch, batches=math.ceil(recipe.images / batch))
    found.append((f"batch={batch}", smaller.steps(bias_lr)))
    epochs = recipe.epochs
    while replace(recipe, epochs=epochs).steps(bias_lr) < ENOUGH:
        epochs = math.ceil(epochs * 1.05)
    found.append((f"epochs={epochs}", replace(recipe, epochs=epochs).steps(bias_lr)))
    return [(key, more) for key, more in found if more > steps]
