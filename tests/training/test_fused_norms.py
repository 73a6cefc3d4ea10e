"""A model whose norms are fused with their activations trains as it did, in float32 to the bit."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.training import Build, Train
from yolograft.compute import norm_act as fused
from yolograft.compute.norm_act import available
from yolograft.training.freezing import hold_statistics
from yolograft.training.fused_norms import fuse_norms

pytestmark = pytest.mark.skipif(not available(torch.float32), reason="norm_act.c is not built, or not for this machine")


@pytest.fixture
def fused_shapes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, tuple[int, ...]]]:
    """Whether SiLU was included, and the shape, of each forward call of the library from now on."""
    available(torch.float32), available(torch.bfloat16)  # tried out once
    seen, rows = [], fused._rows

    def noted(x: Tensor, g: Tensor | None, y: Tensor, statistics: Tensor, silu: bool) -> Any:
        if g is None:
            seen.append((silu, tuple(x.shape)))
        return rows(x, g, y, statistics, silu)

    monkeypatch.setattr(fused, "_rows", noted)
    return seen


def passes(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Gradients of all weights, and the buffers after them."""
    outputs = model(images)
    sum(value.square().mean() for value in (outputs["boxes"], outputs["scores"])).backward()
    gradients = {name: part.grad for name, part in model.named_parameters() if part.grad is not None}
    return {**gradients, **{f"buffer {name}": part.clone() for name, part in model.named_buffers()}}


@pytest.mark.parametrize(("backbone", "with_silu"), [("yolo11", 77), ("effv1", 66), ("effv2", 84), ("mbv3", 46)])
def test_gradients_and_statistics_are_the_same_to_the_bit(
    build: Build, fused_shapes: list[tuple[bool, tuple[int, ...]]], backbone: str, with_silu: int
) -> None:
    model = build(backbone=backbone).train().to(memory_format=torch.channels_last)
    other = deepcopy(model)
    fuse_norms(other)
    assert list(other.state_dict()) == list(model.state_dict())
    torch.manual_seed(0)
    images = torch.rand(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    torch.manual_seed(1)  # dropout of whole branches
    expected = passes(model, images)
    assert fused_shapes == []
    torch.manual_seed(1)
    found = passes(other, images)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert (len(fused_shapes), sum(silu for silu, _ in fused_shapes)) == (norms, with_silu)


def test_norms_that_are_held_keep_their_statistics(build: Build, fused_shapes: list[Any]) -> None:
    model = build().train().to(memory_format=torch.channels_last)
    fuse_norms(model)
    hold_statistics([model.model[0]])
    before = {name: part.clone() for name, part in model.model[0].named_buffers()}
    assert before
    model(torch.rand(1, 3, 64, 64).contiguous(memory_format=torch.channels_last))
    assert [name for name, part in model.model[0].named_buffers() if not torch.equal(part, before[name])] == []
    assert fused_shapes != []  # those of neck and head


def test_a_training_writes_the_same_metrics(run: Train, fused_shapes: list[Any]) -> None:
    _, plain = run("trainer.precision=fp32", "trainer.fused_norms=false", folder="plain")
    assert fused_shapes == []
    _, folder = run("trainer.precision=fp32", folder="fused")
    assert len(fused_shapes) > 2 * 81
    assert metrics(folder) == metrics(plain)


def test_the_averaged_model_is_evaluated_so_too(build: Build, fused_shapes: list[Any]) -> None:
    model = build(backbone="effv1").eval().to(memory_format=torch.channels_last)
    images = torch.rand(2, 3, 96, 64)
    with torch.inference_mode():
        expected = model(images)[0]
        fuse_norms(model)
        assert fused_shapes == []
        assert torch.equal(model(images)[0], expected)
    assert len(fused_shapes) == sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def metrics(folder: Path) -> str:
    return (folder / "metrics.csv").read_text()
