"""Batch normalization and the SiLU after it in one, for training on a processor; `native/norm_act.c` does it.

Results are PyTorch's up to rounding, which is tried out before it is relied on, and rounded less: in float32 PyTorch
sums channels-last tensors so coarsely that gradients of a whole model are some percent off; in bfloat16 it rounds
between the two.
"""

import ctypes
import logging
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from yolograft.compute.hardware import processor_has

_FOLDER = Path(__file__).parent / "native"
_NEAR = {torch.float32: 1e-5, torch.bfloat16: 0.02}  # bfloat16 has 8 bits

_Pass = Callable[[Tensor, nn.BatchNorm2d, bool], Tensor]

log = logging.getLogger(__name__)

_FLOAT = ctypes.sizeof(ctypes.c_float)
_DOUBLE, _POINTER = ctypes.c_double, ctypes.c_void_p
_ARGUMENTS = {  # after the rows and the number of threads
    "forward": (*[_POINTER] * 4, _DOUBLE, _DOUBLE),
    "backward": (*[_POINTER] * 3,),
    "evaluate": (*[_POINTER] * 4, _DOUBLE),
    "normalize": (),
}


class _Rows(ctypes.Structure):
    """`struct Rows` of the C source."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "g", "y")),
        *((name, ctypes.c_long) for name in ("n", "c", "stride")),
        ("silu", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("mean", "invstd", "alpha", "beta", "buffer")),
    )


@cache
def _library() -> ctypes.CDLL | None:
    """Return the library for this processor; None where none was built or none loads."""
    capability = torch.backends.cpu.get_cpu_capability()
    bf16 = capability == "AVX512" and processor_has("avx512_bf16")
    files = [_FOLDER / f"norm_act-{processor}.so" for processor in (["avx512bf16"] if bf16 else []) + ["avx2"]]
    file = next((file for file in files if file.is_file()), None)
    if capability not in {"AVX512", "AVX2"} or file is None:
        return None
    try:
        for openmp in _openmp():
            ctypes.CDLL(openmp, ctypes.RTLD_GLOBAL)  # loaded already: its functions are to be found
        return ctypes.CDLL(str(file))
    except OSError as error:
        log.debug("%s is not used: %s", file.name, error)
        return None


def _openmp() -> list[str]:
    """Return the file of the OpenMP that PyTorch has loaded, with whose threads we compute."""
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape")
    files = {fields[5] for line in mapped.splitlines() if len(fields := line.split(maxsplit=5)) == 6}
    found = sorted(file for file in files if re.match(r"lib(gomp|iomp5|omp)\b", Path(file).name))
    # scikit-learn and others bring one of their own.
    return [file for file in found if file.startswith(str(Path(torch.__file__).parent))] or found


@cache
def available(dtype: torch.dtype) -> bool:
    """Return whether norms of a data type are computed here: the library has it, and it does what PyTorch does."""
    library = _library()
    if library is None or not hasattr(library, f"forward_{_name(dtype)}"):
        return False
    if same := _agrees(dtype):
        return True
    log.debug("norm_act.c differs from PyTorch %s in %s, and is not used", torch.__version__, _name(dtype))
    return same


def _agrees(dtype: torch.dtype) -> bool:
    """Return whether results and gradients of a few tensors are PyTorch's up to rounding."""
    draws = torch.Generator().manual_seed(0)
    for shape in ((2, 24, 9, 7), (5, 40, 17, 19)):
        with torch.autocast("cpu", enabled=False), torch.inference_mode(mode=False):
            x, gradient = (torch.randn(shape, generator=draws).mul(20).to(dtype) for _ in range(2))
            x, gradient = (values.contiguous(memory_format=torch.channels_last) for values in (x, gradient))
            pairs = list(
                zip(
                    _results(_trained, _evaluated, x, gradient),
                    _results(_by_pytorch, _by_pytorch, x, gradient),
                    strict=True,
                )
            )
        if not all(float((ours - theirs).norm()) <= _NEAR[dtype] * float(theirs.norm()) for ours, theirs in pairs):
            return False
    return True


def _results(trained: _Pass, evaluated: _Pass, x: Tensor, gradient: Tensor) -> list[Tensor]:
    """Return what a norm with SiLU gives in training, its gradients, statistics, and what it then gives."""
    norm = nn.BatchNorm2d(x.shape[1], device="cpu")
    x = x.detach().requires_grad_()
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(-9, 9, x.shape[1]))
    with torch.enable_grad():
        y = trained(x, norm, True)
        # A sum's gradient: with one that is handed over, autograd imports sympy, for half a second.
        gradients = torch.autograd.grad((y * gradient).sum(), (x, norm.weight, norm.bias))
    with torch.no_grad():
        found = (y, *gradients, *norm.buffers(), evaluated(x, norm.eval(), True))
    return [values.detach().float() for values in found]


def norm_act(x: Tensor, norm: nn.BatchNorm2d, silu: bool) -> Tensor:
    """Return the batch norm of a tensor, and SiLU of that if wanted.

    Args:
        x: Features [B, C, H, W].
        norm: The layer. In training its running statistics are updated.
        silu: Whether SiLU follows.

    Returns:
        Features [B, C, H, W], for which gradients can be computed once.
    """
    if _suits(x, norm):
        if norm.training and norm.momentum is not None and x.numel() // x.shape[1] > torch.get_num_threads():
            return _trained(x, norm, silu)
        if not norm.training and not torch.is_grad_enabled():
            return _evaluated(x, norm, silu)
    return _by_pytorch(x, norm, silu)


def _suits(x: Tensor, norm: nn.BatchNorm2d) -> bool:
    return (
        norm.affine
        and norm.track_running_stats
        and norm.weight.dtype == torch.float32
        and x.dim() == 4
        and x.shape[1] % 8 == 0
        and x.is_contiguous(memory_format=torch.channels_last)
        and x.device.type == "cpu"
        and available(x.dtype)
    )


def _by_pytorch(x: Tensor, norm: nn.BatchNorm2d, silu: bool) -> Tensor:
    y = nn.BatchNorm2d.forward(norm, x)
    return nn.functional.silu(y) if silu else y


def _trained(x: Tensor, norm: nn.BatchNorm2d, silu: bool) -> Tensor:
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    return _NormAct.apply(x, *_parts(norm), norm.momentum, norm.eps, silu)


def _evaluated(x: Tensor, norm: nn.BatchNorm2d, silu: bool) -> Tensor:
    y, statistics = torch.empty_like(x), torch.empty(4, x.shape[1])
    rows, _buffer = _rows(x, None, y, statistics, silu)
    evaluate = _function("evaluate", x.dtype)
    evaluate(ctypes.byref(rows), torch.get_num_threads(), *map(Tensor.data_ptr, _parts(norm)), norm.eps)
    return y


def _parts(norm: nn.BatchNorm2d) -> tuple[Tensor, ...]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.weight, norm.bias, norm.running_mean, norm.running_var


class _NormAct(torch.autograd.Function):
    """Both in training mode, on channels-last tensors; keeps the input and C numbers, not the norm's output."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        eps: float,
        silu: bool,
    ) -> Tensor:
        y = torch.empty_like(x)
        statistics = torch.empty(4, x.shape[1])
        rows, _buffer = _rows(x, None, y, statistics, silu)
        parts = map(Tensor.data_ptr, (weight, bias, running_mean, running_var))
        _function("forward", x.dtype)(ctypes.byref(rows), torch.get_num_threads(), *parts, momentum, eps)
        ctx.save_for_backward(x, weight, statistics)
        ctx.silu, ctx.eps = silu, eps
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (g,) = gradients
        x, weight, statistics = ctx.saved_tensors
        if not _suits_backward(g):
            return *_by_torch(g, x, weight, statistics, ctx.eps, ctx.silu), *(None,) * 5
        grad_x = torch.empty_like(x)
        grad_weight, grad_bias = torch.empty_like(weight), torch.empty_like(weight)
        rows, _buffer = _rows(x, g, grad_x, statistics, ctx.silu)
        parts = map(Tensor.data_ptr, (weight, grad_weight, grad_bias))
        _function("backward", x.dtype)(ctypes.byref(rows), torch.get_num_threads(), *parts)
        return grad_x, grad_weight, grad_bias, *(None,) * 5


def _suits_backward(g: Tensor) -> bool:
    """Return whether the library reads a gradient's layout: channels last, or some channels of such a tensor."""
    if g.is_contiguous(memory_format=torch.channels_last):
        return True
    _, channels, height, width = g.shape
    row = g.stride(3)
    return row >= channels and g.stride() == (height * width * row, 1, width * row, row)


def _by_torch(
    g: Tensor, x: Tensor, weight: Tensor, statistics: Tensor, eps: float, silu: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the input, weight and bias from PyTorch's own kernels."""
    mean, invstd = statistics[:2]
    if silu:
        z = torch.empty_like(x)
        rows, _buffer = _rows(x, None, z, statistics, False)
        _function("normalize", x.dtype)(ctypes.byref(rows), torch.get_num_threads())
        g = torch.ops.aten.silu_backward(g, z)
    everything = [True, True, True]
    return torch.ops.aten.native_batch_norm_backward(g, x, weight, None, None, mean, invstd, True, eps, everything)


def _rows(x: Tensor, g: Tensor | None, y: Tensor, statistics: Tensor, silu: bool) -> tuple[_Rows, Tensor]:
    """Return the arguments of the library, and the memory that it computes in."""
    channels = x.shape[1]
    buffer = torch.empty((2 * torch.get_num_threads() + 1) * channels, dtype=torch.float64)
    stride = channels if g is None or g.is_contiguous(memory_format=torch.channels_last) else g.stride(3)
    first = statistics.data_ptr()
    rows = _Rows(
        x.data_ptr(),
        None if g is None else g.data_ptr(),
        y.data_ptr(),
        x.numel() // channels,
        channels,
        stride,
        silu,
        *range(first, first + statistics.numel() * _FLOAT, channels * _FLOAT),
        buffer.data_ptr(),
    )
    return rows, buffer


@cache
def _function(direction: str, dtype: torch.dtype) -> Any:
    function = getattr(_library(), f"{direction}_{_name(dtype)}")
    function.argtypes = (ctypes.POINTER(_Rows), ctypes.c_int, *_ARGUMENTS[direction])
    return function


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
