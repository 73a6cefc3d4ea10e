"""Fused steps are PyTorch's up to rounding, however the weights lie in memory and wherever their state comes from."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from helpers.training import Train
from yolograft.compute.norm_act import available
from yolograft.training.module import DetectionTraining
from yolograft.training.optimizer import laid_out, restore_optimizer, use_fused_steps


def network(last: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3), nn.Conv2d(4, 4, 1, groups=4)
    )
    return model.to(memory_format=torch.channels_last) if last else model


def built(model: nn.Module, name: str = "AdamW") -> torch.optim.Optimizer:
    optimizer: torch.optim.Optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01, weight_decay=0.1)
    return optimizer


def step(model: nn.Module, optimizer: torch.optim.Optimizer, number: int) -> None:
    torch.manual_seed(number)
    model(torch.rand(2, 3, 9, 9).contiguous(memory_format=torch.channels_last)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize("last", [True, False])
def test_fused_steps_are_the_same_up_to_rounding(name: str, last: bool) -> None:
    model = network(last)
    other, began = deepcopy(model), weights(model)
    plain, fused = built(model, name), built(other, name)
    use_fused_steps(fused)
    for number in range(10):
        step(model, plain, number)
        step(other, fused, number)
    assert (weights(model) - began).norm() > 0.1
    assert float((weights(model) - weights(other)).norm()) <= 1e-4 * float((weights(model) - began).norm())
    assert all(group["fused"] for group in fused.param_groups)


def test_other_optimizers_keep_their_kernels() -> None:
    optimizer = built(network(), "SGD")
    use_fused_steps(optimizer)
    assert not optimizer.param_groups[0]["fused"]


@pytest.mark.parametrize("fused", [True, False])
def test_a_state_of_another_layout_and_kernel_is_gone_on_with(fused: bool) -> None:
    model = network()
    optimizer = built(model)
    for number in range(3):
        step(model, optimizer, number)
    state = deepcopy(optimizer.state_dict())
    for kept in state["state"].values():  # as of a run begun with channels first
        kept.update({name: value.contiguous() for name, value in kept.items()})
    assert state["state"][0]["exp_avg"].stride() != next(model.parameters()).stride()
    state["param_groups"][0]["fused"] = not fused
    other = deepcopy(model)
    resumed = built(other)
    if fused:
        use_fused_steps(resumed)
    restore_optimizer(resumed, state)
    assert bool(resumed.param_groups[0]["fused"]) is fused
    began = weights(model)
    step(model, optimizer, 3)
    step(other, resumed, 3)
    assert float((weights(model) - weights(other)).norm()) <= 1e-4 * float((weights(model) - began).norm())


def test_a_gradient_is_laid_out_as_its_weight() -> None:
    weight = next(network().parameters())
    gradient = torch.rand(weight.shape)
    found = laid_out(gradient, weight)
    assert torch.equal(found, gradient)
    assert found.stride() == weight.stride() != gradient.stride()
    assert not found.requires_grad


@pytest.mark.parametrize(
    ("words", "fused"),
    [
        ((), True),
        (("trainer.cpu_kernels=false", "trainer.channels_last=true"), None),
        (("trainer.channels_last=false",), None),  # ultralytics' computation, to the last bit
    ],
)
def test_a_training_steps_so_with_channels_last(
    words: tuple[str, ...], fused: bool | None, run: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not available(torch.float32):
        pytest.skip("norm_act.c is not built, or not for this machine")
    seen = []
    monkeypatch.setattr(DetectionTraining, "step", lambda self: seen.append(self.optimizer.param_groups[0]["fused"]))
    run("trainer.precision=fp32", "optim=adamw", *words, folder="run")
    assert set(seen) == {fused}
