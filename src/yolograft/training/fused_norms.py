"""Batch norms of a model computed together with the SiLU that follows them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from yolograft.common.imports import if_loaded
from yolograft.compute.norm_act import norm_act
from yolograft.upstream.model import Conv


def fuse_norms(model: nn.Module) -> None:
    """Let `compute.norm_act` compute the batch norms of a model, in place; what the model computes stays the same.

    Weights, buffers and their names stay too. Only for a model whose weights are saved, not one that is saved whole:
    modules get a `forward` of their own.
    """
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


def _replace(module: nn.Module, forward: Callable[[Tensor], Tensor]) -> None:
    module.forward = forward


def _conv(module: Any, x: Tensor) -> Tensor:
    return norm_act(module.conv(x), module.bn, silu=True)


def _norm_with_activation(module: Any, x: Tensor) -> Tensor:
    if type(module.act) is nn.SiLU and type(module.drop) is nn.Identity:
        return norm_act(x, module, silu=True)
    return module.act(module.drop(norm_act(x, module, silu=False)))
