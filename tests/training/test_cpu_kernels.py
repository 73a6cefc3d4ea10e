"""A model that goes other ways through its layers trains as it did, and in float32 nearer to stock's layout."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.training import Build, Train
from yolograft.compute import norm_act as fused
from yolograft.compute.hardware import processor_has
from yolograft.compute.norm_act import available
from yolograft.training import cpu_kernels
from yolograft.training.cpu_kernels import use_cpu_kernels
from yolograft.training.freezing import hold_statistics

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
def test_gradients_and_statistics_are_as_accurate_as_with_channels_first(
    build: Build, fused_shapes: list[tuple[bool, tuple[int, ...]]], backbone: str, with_silu: int
) -> None:
    """All are compared with float64. PyTorch's own channels-last norms are five times coarser."""
    model = build(backbone=backbone).train()
    other = deepcopy(model).to(memory_format=torch.channels_last)
    use_cpu_kernels(other)
    assert list(other.state_dict()) == list(model.state_dict())
    torch.manual_seed(0)
    images = torch.rand(4, 3, 160, 160)

    def found(one: nn.Module, images: Tensor) -> Tensor:
        torch.manual_seed(1)  # dropout of whole branches
        return torch.cat([part.double().flatten() for part in passes(one, images).values()])

    truth = found(deepcopy(model).double(), images.double())
    stock = found(deepcopy(model), images)
    assert fused_shapes == []
    ours = found(other, images.contiguous(memory_format=torch.channels_last))
    assert float((ours - truth).norm()) <= 3 * float((stock - truth).norm()) + 1e-6 * float(truth.norm())
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert (len(fused_shapes), sum(silu for silu, _ in fused_shapes)) == (norms, with_silu)


@pytest.mark.parametrize(("backbone", "side"), [("yolo11", 32), ("yolo11", 64), ("convnextv2", 64)])
def test_with_channels_first_everything_is_pytorchs_to_the_bit(
    build: Build, fused_shapes: list[Any], backbone: str, side: int
) -> None:
    """Images of 32 pixels have maps of one pixel, which lie both ways; ConvNeXt permutes its features."""
    model = build(backbone=backbone).train()
    other = deepcopy(model)
    use_cpu_kernels(other, channels_last=False)
    torch.manual_seed(0)
    images = torch.rand(4, 3, side, side)
    torch.manual_seed(1)
    theirs = passes(model, images)
    torch.manual_seed(1)
    ours = passes(other, images)
    assert fused_shapes == []
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)


def test_a_copy_computes_with_its_own_weights(build: Build) -> None:
    model = build().train().to(memory_format=torch.channels_last)
    use_cpu_kernels(model)
    images = torch.rand(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    copied, other = deepcopy(model), deepcopy(model)
    with torch.no_grad():
        for part in model.parameters():
            part.zero_()
    found, expected = passes(copied, images), passes(other, images)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    assert any(name.endswith("conv.weight") and bool(found[name].any()) for name in found)
    assert all(part.grad is None for part in model.parameters())


@pytest.mark.parametrize("backbone", ["yolo11", "effv1"])
def test_hooks_see_what_goes_through_norms_and_activations(build: Build, backbone: str) -> None:
    model = build(backbone=backbone).train().to(memory_format=torch.channels_last)
    other = deepcopy(model)
    use_cpu_kernels(other)
    images = torch.rand(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    seen: list[dict[str, Tensor]] = [{}, {}]
    for one, outputs in zip((model, other), seen, strict=True):
        watched = {name: part for name, part in one.named_modules() if isinstance(part, (nn.BatchNorm2d, nn.SiLU))}
        hooks = [
            part.register_forward_hook(lambda m, i, y, name=name, to=outputs: to.update({name: y.detach()}))
            for name, part in watched.items()
        ]
        torch.manual_seed(1)
        one(images)
        for hook in hooks:  # YOLO's activation is one module for all models
            hook.remove()
    assert len(seen[0]) > 60
    assert list(seen[0]) == list(seen[1])
    differences = [float((output - seen[1][name]).norm() / output.norm()) for name, output in seen[0].items()]
    assert max(differences) < 1e-3


def test_norms_that_are_held_keep_their_statistics(build: Build, fused_shapes: list[Any]) -> None:
    model = build().train().to(memory_format=torch.channels_last)
    use_cpu_kernels(model)
    hold_statistics([model.model[0]])
    before = {name: part.clone() for name, part in model.model[0].named_buffers()}
    assert before
    model(torch.rand(1, 3, 64, 64).contiguous(memory_format=torch.channels_last))
    assert [name for name, part in model.model[0].named_buffers() if not torch.equal(part, before[name])] == []
    assert fused_shapes != []  # those of neck and head


def test_a_training_writes_the_same_metrics_up_to_rounding(run: Train, fused_shapes: list[Any]) -> None:
    _, plain = run("trainer.precision=fp32", "trainer.cpu_kernels=false", folder="plain")
    assert fused_shapes == []
    _, folder = run("trainer.precision=fp32", folder="fused")
    assert len(fused_shapes) > 2 * 81
    assert metrics(folder)[0] == pytest.approx(metrics(plain)[0], rel=1e-4)
    assert len(metrics(folder)) == len(metrics(plain))


def test_the_averaged_model_is_evaluated_so_too(build: Build, fused_shapes: list[Any]) -> None:
    model = build(backbone="effv1").eval().to(memory_format=torch.channels_last)
    torch.manual_seed(0)
    images = torch.rand(2, 3, 96, 64)
    with torch.inference_mode():
        expected = model(images)[0]
        use_cpu_kernels(model)
        assert fused_shapes == []
        torch.testing.assert_close(model(images)[0], expected, rtol=1e-5, atol=1e-4)  # boxes in pixels
    assert len(fused_shapes) == sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def _once(module: nn.Module, x: Tensor, gradient: Tensor, dtype: torch.dtype | None) -> list[Tensor]:
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    with torch.autocast("cpu", dtype, enabled=dtype is not None):
        y = module(x)
    y.backward(gradient)
    assert x.grad is not None
    return [y.detach(), x.grad, *(part.grad for part in module.parameters() if part.grad is not None)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("strided", [True, False])
@pytest.mark.parametrize("size", [(2, 16, 10, 10), (1, 24, 5, 7), (3, 7, 1, 1)])
def test_upsampling_and_its_gradient_are_the_same_to_the_bit(
    dtype: torch.dtype, strided: bool, size: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    batch, channels, height, width = size
    x = torch.randn(size).to(dtype).contiguous(memory_format=torch.channels_last)
    larger = torch.randn(batch, channels + 8, 2 * height, 2 * width).to(dtype)
    gradient = larger.contiguous(memory_format=torch.channels_last)[:, :channels]
    gradient = gradient if strided else gradient.contiguous(memory_format=torch.channels_last)
    usual, other = nn.Upsample(scale_factor=2, mode="nearest"), nn.Upsample(scale_factor=2, mode="nearest")
    use_cpu_kernels(other)
    assert "forward" in vars(other)
    pairs = zip(_once(usual, x, gradient, None), _once(other, x, gradient, None), strict=True)
    assert all(torch.equal(a, b) and a.stride() == b.stride() for a, b in pairs)


@pytest.mark.parametrize(
    "module", [nn.Upsample(scale_factor=3), nn.Upsample(scale_factor=2, mode="bilinear"), nn.Upsample(size=(8, 8))]
)
def test_other_upsamplings_are_pytorchs(module: nn.Module) -> None:
    use_cpu_kernels(module)
    assert "forward" not in vars(module)


@pytest.mark.parametrize(
    ("dtype", "side", "taken"),
    [(torch.float32, 41, True), (torch.bfloat16, 20, True), (torch.bfloat16, 41, False)],
    ids=["float32", "bfloat16", "bfloat16, many pixels"],
)
def test_a_pointwise_convolution_is_a_product_of_matrices(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, side: int, taken: bool
) -> None:
    autocast = dtype if dtype == torch.bfloat16 else None
    if autocast and not processor_has("amx_tile"):
        pytest.skip("no units for matrices of bfloat16")
    torch.manual_seed(0)
    usual = nn.Conv2d(48, 32, 1, bias=False).to(memory_format=torch.channels_last)
    other, exact = deepcopy(usual), deepcopy(usual).double()
    use_cpu_kernels(other)
    products, product = [], cpu_kernels._features

    def noted(pixels: Tensor, like: Tensor) -> Tensor:
        products.append(pixels.shape)
        return product(pixels, like)

    monkeypatch.setattr(cpu_kernels, "_features", noted)
    x, gradient = (torch.randn(2, width, side, side).to(dtype) for width in (48, 32))
    x, gradient = (values.contiguous(memory_format=torch.channels_last) for values in (x, gradient))
    theirs, ours = (_once(module, x, gradient, autocast) for module in (usual, other))
    truth = _once(exact, x.double(), gradient.double(), None)
    assert len(products) == (2 if taken else 0)
    assert [(a.dtype, a.shape) for a in ours] == [(b.dtype, b.shape) for b in theirs]
    assert [a.stride() for a in ours[:2]] == [b.stride() for b in theirs[:2]]
    for a, b, c in zip(ours, theirs, truth, strict=True):
        assert (a.double() - c).norm() <= 1.1 * (b.double() - c).norm() + 1e-4 * c.norm()


@pytest.mark.parametrize("choice", [{"stride": 2}, {"groups": 2}, {"bias": True}, {"padding": 1}, {"kernel_size": 3}])
def test_other_convolutions_are_pytorchs(choice: dict[str, Any]) -> None:
    module = nn.Conv2d(**{"in_channels": 8, "out_channels": 8, "kernel_size": 1, "bias": False, **choice})
    use_cpu_kernels(module)
    assert "forward" not in vars(module)


def metrics(folder: Path) -> list[list[float]]:
    """The numbers of each epoch."""
    return [[float(value) for value in line.split(",")] for line in (folder / "metrics.csv").read_text().split()[1:]]
