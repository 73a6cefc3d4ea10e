"""ultralytics' schedule as plain functions of the iteration and the epoch.

Nothing here remembers anything: what a step does depends only on where it is in the training, so that a training
that was cut off goes on exactly where it was.

Source: `BaseTrainer._do_train` and `_build_train_pipeline` of ultralytics 8.4.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Recipe:
    """Learning rates, momenta and accumulation of one training.

    Args:
        epochs: Epochs of the whole training.
        batches: Batches in an epoch.
        batch: Images in a batch, over all devices.
        images: Images in the training split.
        optim: The `optim` group (lrf, momentum, warmup_epochs, nbs, …).
    """

    epochs: int
    batches: int
    batch: int
    images: int
    optim: Mapping[str, Any]

    @property
    def nominal_accumulate(self) -> int:
        """Batches per optimizer step after the warm-up: the nominal batch divided by the real one."""
        return max(round(self.optim["nbs"] / self.batch), 1)

    @property
    def weight_decay(self) -> float:
        """Weight decay, scaled to the images that one optimizer step really sees."""
        return self.optim["weight_decay"] * self.batch * self.nominal_accumulate / self.optim["nbs"]

    @property
    def iterations(self) -> int:
        """Optimizer steps of the whole training at the nominal batch; `optimizer=auto` chooses by it."""
        return math.ceil(self.images / max(self.batch, self.optim["nbs"])) * self.epochs

    @property
    def warmup(self) -> int:
        """Iterations of warm-up; at least the last epoch is regular training."""
        epochs = min(self.optim["warmup_epochs"], max(self.epochs - 1, 0))
        return round(epochs * self.batches) if epochs > 0 else 0

    def decay(self, epoch: int) -> float:
        """Return the learning rate of an epoch (from 0) as a fraction of the initial one."""
        lrf = self.optim["lrf"]
        if self.optim["cos_lr"]:
            return max((1 - math.cos(epoch * math.pi / self.epochs)) / 2, 0) * (lrf - 1) + 1
        return max(1 - epoch / self.epochs, 0) * (1.0 - lrf) + lrf

    def accumulate(self, iteration: int) -> int:
        """Return after how many batches the optimizer steps, at an iteration (from 0) of the whole training.

        With `nbs=64` and batches of 16 images, 4 batches make a step; over a warm-up of 300 iterations the number rises
        from 1 at iteration 0 over 2 at iteration 100 to 4 at iteration 300. The averaged weights (EMA) count steps, not
        batches: their decay after step n is 0.9999 * (1 - exp(-n / 2000)), 0.63 at step 2000.
        """
        nominal = min(self.nominal_accumulate, self.batches * self.epochs)
        if self.warmup and iteration < self.warmup:
            return max(1, int(np.interp(iteration, [0, self.warmup], [1, nominal]).round()))
        return nominal

    def steps(self, warmup_bias_lr: float) -> int:
        """Return how many optimizer steps of the whole training have a rate above 0.

        The warm-up begins at rate 0, of biases at `warmup_bias_lr`.
        """
        count, last = 0, -1
        for iteration in range(self.batches * self.epochs):
            if iteration - last >= self.accumulate(iteration):
                last = iteration
                count += bool(iteration or not self.warmup or warmup_bias_lr)
        return count

    def apply(self, optimizer: torch.optim.Optimizer, iteration: int, epoch: int, optim: Mapping[str, Any]) -> None:
        """Set the learning rates and momenta of every parameter group for one iteration.

        Args:
            optimizer: Its groups carry `initial_lr` and ultralytics' `param_group` names.
            iteration: From 0, over the whole training.
            epoch: From 0.
            optim: The `optim` group as the optimizer was built with (after `auto` chose).
        """
        decay = self.decay(epoch)
        warming = self.warmup and iteration <= self.warmup
        for group in optimizer.param_groups:
            target = group["initial_lr"] * decay
            if not warming:
                group["lr"] = target
                continue
            span = [0, self.warmup]
            is_bias = group.get("param_group") == "bias"
            start = optim["warmup_bias_lr"] * group.get("lr_factor", 1.0) if is_bias else 0.0
            group["lr"] = float(np.interp(iteration, span, [start, target]))
            if "momentum" in group:
                momenta = [optim["warmup_momentum"], optim["momentum"]]
                group["momentum"] = float(np.interp(iteration, span, momenta))


def scale_backbone(optimizer: torch.optim.Optimizer, backbone: torch.nn.Module, factor: float) -> None:
    """Give the backbone's parameters groups of their own, with learning rates multiplied by a factor.

    Args:
        optimizer: As ultralytics built it.
        backbone: The backbone, pretrained and so to be moved less than what is new.
        factor: 1 changes nothing.
    """
    if factor == 1.0:
        return
    own = {id(parameter) for parameter in backbone.parameters()}
    for group in list(optimizer.param_groups):
        chosen = [parameter for parameter in group["params"] if id(parameter) in own]
        if not chosen:
            continue
        group["params"] = [parameter for parameter in group["params"] if id(parameter) not in own]
        options = {key: value for key, value in group.items() if key != "params"}
        optimizer.add_param_group({**options, "params": chosen, "lr": group["lr"] * factor, "lr_factor": factor})
