"""Other ways through layers that PyTorch computes slowly on a CPU; what a model computes stays the same."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from yolograft.common.imports import if_loaded
from yolograft.compute.hardware import processor_has
from yolograft.compute.norm_act import norm_act
from yolograft.upstream.model import Conv

_FEW_PIXELS = 1600
"""Up to so many pixels of a feature map, a 1×1 convolution in bfloat16 is faster as a product of matrices (AMX).

In float32 it is with any number: by 8 % on average over the shapes of YOLO11n, with AVX2 and with AVX-512.
"""


def use_cpu_kernels(model: nn.Module, *, channels_last: bool = True) -> None:
    """Let a model's norms, activations, 1×1 convolutions and upsamplings take the faster way, in place.

    Results and gradients are the same up to rounding, which is less than PyTorch's: in float32 they are as near to
    float64's as with channels first, ultralytics' layout. Weights, buffers and their names stay, and hooks see what
    they saw. Only for a model whose weights are saved, not one that is saved whole: modules get a `forward` of their
    own.

    Args:
        model: The model.
        channels_last: Whether its features lie so. If not, only upsamplings change, which are the same to the bit:
            features of one pixel, or such as a transformer permutes, would be taken for channels last.
    """
    for module in model.modules():
        if type(module) is nn.Upsample and module.mode == "nearest" and module.scale_factor == 2:
            _replace(module, _Doubled.apply)
    if not channels_last:
        return
    with_activation = if_loaded("timm.layers", "BatchNormAct2d")
    done = set()
    for module in model.modules():
        if isinstance(module, Conv) and type(module).forward is Conv.forward:
            if type(module.bn) is nn.BatchNorm2d and type(module.act) is nn.SiLU:
                _replace(module, partial(_conv, module))
                done.add(module.bn)
        elif type(module) in with_activation:
            _replace(module, partial(_norm_with_activation, module))
    for module in model.modules():
        if type(module) is nn.BatchNorm2d and module not in done:
            _replace(module, partial(norm_act, norm=module, silu=False))
        elif _is_pointwise(module):
            _replace(module, partial(_pointwise, module))


def _replace(module: nn.Module, forward: Callable[[Tensor], Tensor]) -> None:
    module.forward = forward


def _conv(module: Any, x: Tensor) -> Tensor:
    if _has_hooks(module.bn) or _has_hooks(module.act):
        return module.act(module.bn(module.conv(x)))
    return norm_act(module.conv(x), module.bn, silu=True)


def _norm_with_activation(module: Any, x: Tensor) -> Tensor:
    if type(module.act) is nn.SiLU and type(module.drop) is nn.Identity and not _has_hooks(module.act):
        return norm_act(x, module, silu=True)
    return module.act(module.drop(norm_act(x, module, silu=False)))


def _has_hooks(module: nn.Module) -> bool:
    """Return whether somebody looks at what goes through a layer, which then has to be called."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def _is_pointwise(module: nn.Module) -> bool:
    return (
        type(module) is nn.Conv2d
        and module.kernel_size == module.stride == (1, 1)
        and module.padding in {(0, 0), "valid", "same"}
        and module.groups == 1
        and module.bias is None
    )


def _pointwise(module: Any, x: Tensor) -> Tensor:
    if _is_sooner_multiplied(x) and x.is_contiguous(memory_format=torch.channels_last):
        return _Pointwise.apply(x, module.weight)
    return nn.Conv2d.forward(module, x)


def _is_sooner_multiplied(x: Tensor) -> bool:
    if not torch.is_autocast_enabled("cpu"):
        return x.dtype == torch.float32
    return x.dtype == torch.bfloat16 and x.shape[2] * x.shape[3] <= _FEW_PIXELS and processor_has("amx_tile")


class _Pointwise(torch.autograd.Function):
    """A 1×1 convolution of channels-last features as a product of matrices; weights in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        halved = weight.to(x.dtype).flatten(1)
        ctx.save_for_backward(x, halved)
        return _features(torch.mm(_pixels(x), halved.t()), x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, halved = ctx.saved_tensors
        g = _pixels(gradients[0])
        return _features(torch.mm(g, halved), x), torch.mm(g.t(), _pixels(x)).float()[..., None, None]


def _pixels(features: Tensor) -> Tensor:
    """Return channels-last features [B, C, H, W] as a matrix [B · H · W, C]."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def _features(pixels: Tensor, like: Tensor) -> Tensor:
    """Return a matrix [B · H · W, C] as features of the size of others."""
    batch, _, height, width = like.shape
    return pixels.view(batch, height, width, -1).permute(0, 3, 1, 2)


class _Doubled(torch.autograd.Function):
    """Upsampling by 2 to the nearest; PyTorch's gradient takes far longer where it comes from a concatenation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(gradients[0], 2, divisor_override=1)
