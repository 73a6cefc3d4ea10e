"""Recorded passes give what the model gives; `static_passes` stands in for CUDA graphs, down to where gradients lie."""

import csv
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from yolograft.compute.devices import Compute
from yolograft.training import module
from yolograft.training.replayed import STEADY, Replayed, replayed


def static_passes(module: nn.Module, sample: tuple[Tensor, ...]) -> Callable[[Tensor], Any]:
    """Record as `torch.cuda.make_graphed_callables`: warm up, one memory for all gradients, `forward` replaced."""
    usual = module.forward
    for _ in range(3):
        usual(*sample)
    weights = tuple(weight for weight in module.parameters() if weight.requires_grad)
    gradients = [torch.empty_like(weight) for weight in weights]
    spec: Any = None

    class Static(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, images: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
            nonlocal spec
            assert images.shape == sample[0].shape
            with torch.enable_grad():
                outputs, spec = tree.tree_flatten(usual(images))
            ctx.outputs = outputs
            return tuple(output.detach() for output in outputs)

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
            pairs = [(o, g) for o, g in zip(ctx.outputs, grads, strict=True) if o.requires_grad]
            found = torch.autograd.grad(
                [o for o, _ in pairs], weights, [torch.empty_like(o).copy_(g) for o, g in pairs]
            )
            for place, gradient in zip(gradients, found, strict=True):
                place.copy_(gradient)
            return None, *(place.detach() for place in gradients)

    def replay(images: Tensor) -> Any:
        return tree.tree_unflatten(list(Static.apply(images, *weights)), spec)

    module.forward = replay
    return module


class Net(nn.Module):
    """A convolution, a batch norm, a dictionary of outputs, as a detector in training has them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images: Tensor) -> dict[str, Any]:
        features = self.norm(self.conv(images))
        return {"scores": features.mean((2, 3)), "feats": [features]}


class Recorder:
    """`static_passes`, counted."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, module: nn.Module, sample: tuple[Tensor, ...]) -> Callable[[Tensor], Any]:
        self.shapes.append(tuple(sample[0].shape))
        return static_passes(module, sample)


def batches(*sizes: int) -> list[Tensor]:
    """Return batches of so many images."""
    torch.manual_seed(0)
    return [torch.rand(size, 3, 8, 8) for size in sizes]


def trained(passes: Callable[[Tensor], Any], net: Net, images: list[Tensor], accumulate: int) -> dict[str, Tensor]:
    """Train on the batches, a step for so many of them, and return the end's state."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for number, batch in enumerate(images, start=1):
        found = passes(batch)
        (found["scores"].square().sum() + found["feats"][0].abs().mean()).backward()
        if number % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
    return net.state_dict()


@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_a_training_ends_in_the_same_weights_and_statistics(accumulate: int) -> None:
    net = Net()
    other = deepcopy(net)
    images = batches(4, 4, 4, 4, 4, 2, 4, 4, 4, 2)  # an epoch's last batch is smaller
    recorder = Recorder()
    recorded = trained(Replayed(net, None, recorder), net, images, accumulate)
    usual = trained(other, other, images, accumulate)
    assert recorder.shapes == [(4, 3, 8, 8)], "once, and not for the odd one"
    assert usual["norm.num_batches_tracked"] == len(images)
    for name, value in usual.items():
        assert torch.equal(value, recorded[name]), name


@pytest.mark.parametrize("head", ["detect", "end2end"])
def test_a_detector_is_trained_as_without(head: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    choices = (f"head={head}", "optim.nbs=8", "epochs=2", "dataset.train=18", "augment=none")
    _, usual = run(*choices, folder="usual")
    made = []

    class OnCPU(module.DetectionTraining):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.replayed = Replayed(self.model, None, recorder := Recorder())
            made.append(recorder)

    monkeypatch.setattr("yolograft.training.build.DetectionTraining", OnCPU)
    _, recorded = run(*choices, folder="replayed")
    assert made[0].shapes == [(4, 3, 64, 64)]
    for before, after in zip(*(_rows(folder / "metrics.csv") for folder in (usual, recorded)), strict=True):
        assert after == pytest.approx(before, rel=1e-4)  # gradients of three branches are added in another order


def _rows(file: Path) -> list[dict[str, float]]:
    with file.open() as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def test_only_what_comes_again_and_again_is_recorded() -> None:
    net, recorder = Net(), Recorder()
    passes = Replayed(net, None, recorder)
    for images in batches(*[4, 2] * 10):
        passes(images)
    assert recorder.shapes == []
    for images in batches(*[2] * STEADY, *[4] * STEADY, *[4] * 5):
        passes(images)
    assert recorder.shapes == [(2, 3, 8, 8), (4, 3, 8, 8)]


def test_what_is_thawed_or_held_is_recorded_anew() -> None:
    net, recorder = Net(), Recorder()
    passes = Replayed(net, None, recorder)
    images = batches(*[4] * 12)
    net.norm.eval()
    for batch in images[:4]:
        passes(batch)
    mean = net.norm.running_mean
    assert mean is not None
    before = mean.clone()
    net.norm.train()
    passes(images[4])
    assert not torch.equal(mean, before), "not the recording of a norm that is held"
    for batch in images[5:]:
        passes(batch)
    assert len(recorder.shapes) == 2


def test_what_cannot_be_recorded_is_trained_without(caplog: pytest.LogCaptureFixture) -> None:
    tries = []

    def impossible(module: nn.Module, sample: tuple[Tensor, ...]) -> Callable[[Tensor], Any]:
        tries.append(module(*sample))
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

    net = Net()
    other = deepcopy(net)
    images = batches(*[4] * 8)
    recorded, usual = trained(Replayed(net, None, impossible), net, images, 1), trained(other, other, images, 1)
    assert len(tries) == 1
    (said,) = [message for message in caplog.messages if "cuda_graph" in message]
    assert said.endswith("it is trained without: operation not permitted when stream is capturing")
    assert all(torch.equal(value, recorded[name]) for name, value in usual.items())


def test_the_model_keeps_its_own_forward() -> None:
    """EMA and checkpoints copy it."""
    net = Net()
    passes = Replayed(net, None, Recorder())
    for images in batches(*[4] * 5):
        passes(images)
    assert "forward" not in vars(net)
    assert deepcopy(net).state_dict().keys() == Net().state_dict().keys()


def test_auto_leaves_out_what_a_persons_own_module_may_decide_anew() -> None:
    compute = Compute("gpu", 1, None, True, 1, 0, cuda_graph="auto")
    assert replayed(nn.Sequential(nn.Conv2d(3, 4, 3)), compute) is not None
    assert replayed(nn.Sequential(Net()), compute) is None
    assert replayed(nn.Sequential(Net()), replace(compute, cuda_graph=True)) is not None
    assert replayed(nn.Sequential(nn.Conv2d(3, 4, 3)), replace(compute, cuda_graph=False)) is None


def test_without_memory_nothing_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    asked = []

    def full(device: torch.device) -> bool:
        asked.append(device)
        return False

    net, recorder = Net(), Recorder()
    passes = Replayed(net, None, recorder, full)
    with caplog.at_level("INFO"):
        for images in batches(*[4] * 8):
            passes(images)
    assert (recorder.shapes, len(asked)) == ([], 1)
    assert "cpu has no memory for that" in caplog.text
