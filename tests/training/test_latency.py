"""How long one image takes."""

import torch
from torch import nn

from yolograft.training.latency import latency


class Counted(nn.Module):
    """Counts its passes, and those over something else than one image of the right size."""

    passes = 0

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert image.shape == (1, 3, 64, 64)
        Counted.passes += 1
        return image

    def fuse(self, verbose: bool) -> "Counted":
        self.fused = True
        return self


def test_latency_is_that_of_a_fused_copy_and_takes_a_moment() -> None:
    model = Counted().train()
    Counted.passes = 0
    assert 0 < latency(model, torch.device("cpu"), 64) < 100  # type: ignore[arg-type]
    assert Counted.passes == 33
    assert model.training
    assert not hasattr(model, "fused")


def test_slow_models_are_measured_with_few_passes() -> None:
    Counted.passes = 0
    latency(Counted(), torch.device("cpu"), 64, seconds=0)  # type: ignore[arg-type]
    assert Counted.passes == 6
