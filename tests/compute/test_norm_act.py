"""Batch norm and SiLU in one: at least as accurate as PyTorch, and PyTorch itself elsewhere."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from yolograft.compute import norm_act as module
from yolograft.compute.hardware import processor_has
from yolograft.compute.norm_act import available, norm_act

LIBRARIES = sorted((Path(module.__file__).parent / "native").glob("*.so"))
AVX2 = torch.backends.cpu.get_cpu_capability() in {"AVX2", "AVX512"}
needs_library = pytest.mark.skipif(not (LIBRARIES and AVX2), reason="not built, or no such processor")
needs_bf16 = pytest.mark.skipif(not (LIBRARIES and AVX2 and processor_has("avx512_bf16")), reason="no bfloat16 units")

SHAPES = [
    (16, 16, 40, 40),
    (2, 8, 80, 80),
    (3, 24, 7, 5),
    (1, 48, 9, 9),
    (13, 40, 11, 11),
    (5, 256, 6, 6),
    (2, 72, 33, 17),
]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def channels_last(values: Tensor) -> Tensor:
    return values.contiguous(memory_format=torch.channels_last)


def a_norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)
    with torch.no_grad():
        for part in (norm.weight, norm.bias):
            part.copy_(torch.randn(channels))
    return norm


def by_pytorch(x: Tensor, norm: nn.BatchNorm2d, silu: bool) -> Tensor:
    y = norm(x)
    return nn.functional.silu(y) if silu else y


def results(one: Callable[..., Tensor], x: Tensor, gradient: Tensor, silu: bool) -> list[Tensor]:
    """The output, the gradients of input, weight and bias, and the running statistics."""
    torch.manual_seed(1)
    norm, taken = a_norm(x.shape[1]), x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = one(taken, norm, silu)
    y.backward(gradient)
    parts = (y.detach(), taken.grad, norm.weight.grad, norm.bias.grad, *norm.buffers())
    found = [part for part in parts if part is not None]
    assert len(found) == 7
    return found


def both(x: Tensor, gradient: Tensor, silu: bool) -> tuple[list[Tensor], list[Tensor]]:
    """What we give, and what PyTorch gives."""
    return results(norm_act, x, gradient, silu), results(by_pytorch, x, gradient, silu)


def near(ours: list[Tensor], theirs: list[Tensor], allowed: float = 1e-5) -> bool:
    """Whether nothing differs by more than rounding."""
    pairs = zip(ours, theirs, strict=True)
    return all(float((a.double() - b.double()).norm()) <= allowed * float(b.double().norm()) for a, b in pairs)


def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which functions of the library are called from now on."""
    called, function = [], module._function

    def noted(direction: str, x: Tensor) -> object:
        called.append(direction)
        return function(direction, x)

    monkeypatch.setattr(module, "_function", noted)
    return called


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or not shutil.which("cc"), reason="no compiler"
)
def test_an_installation_has_built_it_for_both_kinds_of_processor() -> None:
    assert [file.name for file in LIBRARIES] == ["norm_act-avx2.so", "norm_act-avx512bf16.so"]


@needs_library
def test_it_is_found_to_agree_here() -> None:
    assert available(torch.float32)
    assert not available(torch.float16)
    assert not available(torch.float64)


def exact(x: Tensor, norm: nn.BatchNorm2d, silu: bool) -> Tensor:
    return by_pytorch(x, norm.double(), silu)


@needs_library
@pytest.mark.parametrize("silu", [True, False])
@pytest.mark.parametrize("strided", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_float32_is_as_accurate_as_pytorchs(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], count: int, strided: bool, silu: bool
) -> None:
    """Both are compared with the same in float64. A strided gradient is a part of a larger tensor, as from cat."""
    torch.set_num_threads(count)
    available(torch.float32)
    called = calls(monkeypatch)
    torch.manual_seed(0)
    batch, channels, height, width = shape
    x = channels_last(torch.randn(shape) * 3 + torch.randn(1, channels, 1, 1) * 5)
    gradient = channels_last(torch.randn(batch, channels * 2 + 8, height, width))[:, 8 : 8 + channels]
    gradient = gradient if strided else channels_last(gradient)
    ours, theirs = both(x, gradient, silu)
    assert called == ["forward", "backward"]
    truth = results(exact, x.double(), gradient.double(), silu)
    for a, b, c in list(zip(ours, theirs, truth, strict=True))[:-1]:  # the last counts batches
        error, allowed = (float((value.double() - c).norm()) for value in (a, b))
        assert error <= 1.1 * allowed + 5e-7 * float(c.norm())


@needs_library
@pytest.mark.parametrize("mean", [1.0, 30.0])
def test_sums_over_many_pixels_lose_nothing(mean: float) -> None:
    """PyTorch adds up 400,000 numbers of a channel in one float32 sum, and is off by 1e-5."""
    torch.manual_seed(0)
    x = channels_last(torch.randn(16, 8, 160, 160) + mean)
    gradient = channels_last(torch.randn(x.shape) + 1)
    ours, truth = results(norm_act, x, gradient, True), results(exact, x.double(), gradient.double(), True)
    assert near(ours, truth, 2e-6)


@needs_library
@pytest.mark.parametrize("silu", [True, False])
def test_other_layouts_of_a_gradient_are_pytorchs_affair(monkeypatch: pytest.MonkeyPatch, silu: bool) -> None:
    available(torch.float32)
    called = calls(monkeypatch)
    torch.manual_seed(0)
    x = channels_last(torch.randn(2, 16, 12, 12))
    for gradient in (torch.randn(2, 16, 12, 12), torch.randn(2, 16, 1, 1).expand(2, 16, 12, 12)):
        ours, theirs = both(x, gradient, silu)
        assert near(ours, theirs)
    assert called == ["forward", "normalize"] * 2 if silu else ["forward"] * 2


@needs_library
@pytest.mark.parametrize("silu", [True, False])
@pytest.mark.parametrize("shape", [*SHAPES, (1, 16, 1, 1), (3, 8, 5, 1)])
def test_evaluation_is_pytorchs(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], silu: bool) -> None:
    torch.set_num_threads(2)
    available(torch.float32)
    called = calls(monkeypatch)
    torch.manual_seed(0)
    norm = a_norm(shape[1]).eval()
    norm.running_mean, norm.running_var = torch.randn(shape[1]) * 5, torch.rand(shape[1]).pow(3) * 9
    x = channels_last(torch.randn(shape) * 9)
    with torch.inference_mode():
        assert near([norm_act(x, norm, silu)], [by_pytorch(x, norm, silu)], 1e-6)
    assert called == ["evaluate"]


@needs_library
@pytest.mark.parametrize("shape", [(9, 16, 1, 1), (3, 8, 5, 1), (3, 8, 1, 5)])
def test_maps_of_one_line_or_one_pixel_are_pytorchs(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    """Where a side is 1, a tensor may say anything of the distance between its columns."""
    available(torch.float32)
    called = calls(monkeypatch)
    torch.manual_seed(0)
    x = channels_last(torch.randn(shape))
    strides = [777 if side == 1 else stride for side, stride in zip(shape, x.stride(), strict=True)]
    ours, theirs = both(x, torch.as_strided(x.clone(memory_format=torch.preserve_format), shape, strides), True)
    assert called == ["forward", "backward"]
    assert near(ours, theirs)


@needs_library
def test_no_number_and_infinity_go_through_as_in_pytorch() -> None:
    torch.manual_seed(0)
    x = channels_last(torch.randn(2, 16, 16, 16))
    x[0, 0, 0, 0], x[0, 1, 0, 0], x[0, 2, 0, 0], x[0, 3, 0, 0] = float("nan"), float("inf"), 1e30, -1e30
    ours, theirs = both(x, channels_last(torch.randn(x.shape)), True)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a.isnan(), b.isnan())
        assert near([a.nan_to_num(1, 2, 3)], [b.nan_to_num(1, 2, 3)])
    assert theirs[0][:, 0].isnan().all()


@needs_library
def test_large_and_small_values_saturate_as_in_pytorch() -> None:
    """SiLU of ±300 and more, where exp overflows, and of numbers next to zero."""
    torch.manual_seed(0)
    x = channels_last(torch.randn(4, 16, 20, 20).pow(9) * 1e3)
    gradient = channels_last(torch.randn(x.shape))
    ours, truth = results(norm_act, x, gradient, True), results(exact, x.double(), gradient.double(), True)
    assert float(truth[0].max()) > 10
    assert near(ours, truth)


@needs_bf16
@pytest.mark.parametrize("silu", [True, False])
@pytest.mark.parametrize("strided", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_bfloat16_is_as_accurate_as_pytorchs(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], strided: bool, silu: bool
) -> None:
    """Both are compared with the same in float64."""
    available(torch.bfloat16)
    called = calls(monkeypatch)
    torch.manual_seed(0)
    batch, channels, height, width = shape
    x = channels_last(torch.randn(shape) * 3 + torch.randn(1, channels, 1, 1) * 5).bfloat16()
    gradient = channels_last(torch.randn(batch, channels * (2 if strided else 1), height, width)).bfloat16()
    gradient = gradient[:, :channels]
    ours, theirs = both(x, gradient, silu)
    assert called == ["forward", "backward"]

    truth = results(exact, x.double(), gradient.double(), silu)
    for a, b, c in list(zip(ours, theirs, truth, strict=True))[:-1]:  # the last counts batches
        error, allowed = ((value.double() - c).norm() for value in (a, b))
        assert error <= 1.1 * allowed + 1e-4 * c.norm()


@needs_library
def test_it_is_found_to_agree_where_the_first_batch_is_one_of_validation() -> None:
    available.cache_clear()
    with torch.inference_mode():
        assert available(torch.float32)


@needs_bf16
def test_in_bfloat16_infinity_is_silus_of_infinity_and_no_number_stays_none() -> None:
    x = channels_last(torch.zeros(1, 16, 8, 8)).bfloat16()
    x[0, :5, 0, 0] = torch.tensor([float("inf"), float("-inf"), float("nan"), 3e38, -3e38])
    norm = nn.BatchNorm2d(16).eval()
    with torch.inference_mode():
        ours, theirs = norm_act(x, norm, True), by_pytorch(x, norm, True)
    assert torch.equal(ours.nan_to_num(1, 2, 3), theirs.nan_to_num(1, 2, 3))
    assert ours[0, 0, 0, 0] == float("inf")


@needs_library
@pytest.mark.parametrize(
    "case",
    [
        "evaluation with gradients",
        "seven channels",
        "channels first",
        "no affine",
        "no statistics",
        "cumulative",
        "two rows",
    ],
)
def test_what_it_does_not_know_is_pytorchs_affair(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    available(torch.float32)
    called = calls(monkeypatch)
    torch.manual_seed(0)
    torch.set_num_threads(2)
    channels = 7 if case == "seven channels" else 8
    x = torch.randn(1, channels, 1, 2) if case == "two rows" else torch.randn(4, channels, 12, 12)
    norm = nn.BatchNorm2d(
        channels,
        affine=case != "no affine",
        track_running_stats=case != "no statistics",
        momentum=None if case == "cumulative" else 0.1,
    ).train(case != "evaluation with gradients")
    x = x if case == "channels first" else channels_last(x)
    assert torch.equal(norm_act(x, norm, True), by_pytorch(x, norm, True))
    assert called == []


@needs_library
def test_a_difference_from_pytorch_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a compiler makes something else of it: one weight's gradient is a ten-thousandth off."""
    backward = module._NormAct.backward

    def other(ctx: object, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, *rest = backward(ctx, *gradients)
        assert weight is not None
        return x, weight * 1.0001, *rest

    available.cache_clear()
    monkeypatch.setattr(module._NormAct, "backward", staticmethod(other))
    try:
        assert not available(torch.float32)
    finally:
        available.cache_clear()
    monkeypatch.undo()
    assert available(torch.float32)


@needs_library
def test_fewer_threads_than_asked_for_do_all_of_it() -> None:
    """A limit of the system on OpenMP's threads is none of PyTorch's number of threads."""
    script = """
import torch
from yolograft.compute import norm_act
torch.set_num_threads(4)
norm_act.available = lambda dtype: True
x = torch.randn(2, 32, 32, 32).contiguous(memory_format=torch.channels_last).requires_grad_()
found = []
for one in (lambda norm: norm_act.norm_act(x, norm, True), lambda norm: torch.nn.functional.silu(norm(x))):
    y = one(torch.nn.BatchNorm2d(32))
    found.append((y, *torch.autograd.grad(y, x, x.detach())))
print(all(float((a - b).norm()) < 1e-5 * float(b.norm()) for a, b in zip(*found)))
"""
    environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@needs_library
def test_a_library_that_does_not_load_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in LIBRARIES:
        (tmp_path / file.name).write_bytes(b"not a library")
    module._library.cache_clear()
    available.cache_clear()
    monkeypatch.setattr(module, "_FOLDER", tmp_path)
    try:
        assert not available(torch.float32)
        x = channels_last(torch.randn(2, 8, 4, 4))
        norm = nn.BatchNorm2d(8)
        assert torch.equal(norm_act(x, norm, True), nn.functional.silu(nn.BatchNorm2d(8)(x)))
    finally:
        monkeypatch.undo()
        module._library.cache_clear()
        available.cache_clear()
