"""Folding: batch normalisation becomes part of the convolution before it, as every deployed detector has it.

ultralytics' `fuse` knows its own classes only; timm's blocks would keep their norms, and a backbone of theirs would be
timed, counted and exported with work that no deployed model does. Which norm follows which convolution is not guessed
from names: the model is run once, and a pair is folded only where the norm alone takes what the convolution gives.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from yolograft.common.imports import if_loaded
from yolograft.upstream.model import DetectionModel

__all__ = ["fold", "fold_branches", "fold_norms", "norms_left"]

Model = TypeVar("Model", bound=DetectionModel)

_PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)

# Pixels of the square image that is run. Some parts need more room than the first leaves at stride 32.
_SIZES = (64, 320)


def fold(model: Model) -> Model:
    """Return a copy of a detector for inference: the same answers from fewer operations.

    Args:
        model: The detector; left as it is.

    Returns:
        The copy, in evaluation mode. It cannot be trained or saved as weights.
    """
    copy = deepcopy(model).eval()
    copy.fuse(verbose=False)
    return copy


def norms_left(model: nn.Module) -> list[str]:
    """Return the names of a model's batch norms: in a folded one those that follow no convolution directly."""
    return [name for name, module in model.named_modules() if isinstance(module, _BatchNorm)]


def fold_branches(root: nn.Module) -> None:
    """Merge the parallel branches of timm's re-parameterizable blocks (MobileOne, RepVGG, RepViT, ...), in place.

    As `timm.utils.reparameterize_model`, which would also call what ultralytics' classes have under the same names.
    """
    for name, child in list(root.named_children()):
        if type(child).__module__.startswith("timm."):
            setattr(root, name, _merged(child))
        fold_branches(getattr(root, name))


def _merged(block: Any) -> nn.Module:
    """Return a block with its branches merged in float64 and rounded once; timm's own new layers are float32."""
    way = next((way for way in ("fuse", "reparameterize", "switch_to_deploy") if hasattr(block, way)), None)
    if way is None:
        return block
    dtype, usual = next(block.parameters()).dtype, torch.get_default_dtype()
    block.double()
    torch.set_default_dtype(torch.float64)
    try:
        merged = getattr(block, way)() or block  # only `fuse` returns a new one
    finally:
        torch.set_default_dtype(usual)
    return merged.to(dtype)


@torch.no_grad()
def fold_norms(model: nn.Module) -> None:
    """Fold each batch norm that is alone in taking a convolution's or linear layer's output into that layer, in place.

    An activation that is part of the norm (timm's `BatchNormAct2d`) stays. Norms that take anything else, such as a
    concatenation, or that compute the statistics of their input, stay whole.

    Args:
        model: The model, on any device; it takes images [B, 3, H, W].
    """
    pairs = _pairs(model)
    modules = dict(model.named_modules(remove_duplicate=False))
    for norm, layer in pairs.items():
        _absorb(layer, norm)
        rest = _rest(norm)
        for name in [name for name, module in modules.items() if module is norm]:
            parent, _, own = name.rpartition(".")
            setattr(modules[parent], own, rest)


class _Flow(TorchDispatchMode):
    """Counts what takes each tensor, below all Python that a model may consist of.

    Attributes:
        uses: How many operations took a tensor, by its id.
        kernels: The weight of the convolution that made a tensor, by the tensor's id.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self.uses: Counter[int] = Counter()
        self.kernels: dict[int, Tensor] = {}
        self._alive: list[Any] = []  # an id is one tensor's only while the tensor lives

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.take((args, kwargs))
        self._alive.append(out)
        if func is torch.ops.aten.convolution.default:
            self.kernels[id(out)] = args[1]
        return out

    def take(self, values: Any) -> None:
        """Count one more use of every tensor in some values."""
        self.uses.update(id(value) for value in tree_leaves(values) if isinstance(value, Tensor))


def _pairs(model: nn.Module) -> dict[_BatchNorm, _ConvNd | nn.Linear]:
    """Return, for each batch norm that can be folded, the layer that it is folded into."""
    flow, outputs, inputs = _run(model)
    givers = {id(output): layer for layer, given in outputs.items() for output in given}
    pairs = {}
    for norm, taken in inputs.items():
        layers = {givers.get(id(value)) for value in taken}
        layer = layers.pop() if len(layers) == 1 else None
        if layer is None or len(outputs[layer]) != len(taken):  # other inputs, or the layer's output goes elsewhere too
            continue
        alone = all(flow.uses[id(value)] == 1 for value in taken)
        # A weight that is standardised first, or read elsewhere too, is not the layer's alone to change.
        own = flow.uses[id(layer.weight)] == len(taken) and (
            type(layer) is nn.Linear or all(flow.kernels.get(id(value)) is layer.weight for value in taken)
        )
        if alone and own:
            pairs[norm] = layer
    return pairs


def _run(
    model: nn.Module,
) -> tuple[_Flow, dict[_ConvNd | nn.Linear, list[Tensor]], dict[_BatchNorm, list[Tensor]]]:
    """Run a model on a small image; return the uses, what each layer gave and what each norm took.

    Raises:
        Exception: What the model's forward raises for both sizes of image.
    """
    weight = next(model.parameters())
    for size in _SIZES:
        flow = _Flow()
        outputs: dict[_ConvNd | nn.Linear, list[Tensor]] = {}
        inputs: dict[_BatchNorm, list[Tensor]] = {}
        image = torch.zeros(1, 3, size, size, device=weight.device, dtype=weight.dtype)
        try:
            with ExitStack() as stack:
                for hook in _hooks(model, outputs, inputs):
                    stack.callback(hook.remove)
                for module in [module for module in model.modules() if module.training]:
                    stack.callback(setattr, module, "training", True)
                model.eval()
                with flow:
                    answer = model(image)
                flow.take(answer)
        except Exception:
            if size == _SIZES[-1]:
                raise
            continue
        return flow, outputs, inputs
    raise AssertionError("unreachable")


def _hooks(model: nn.Module, outputs: dict[Any, list[Tensor]], inputs: dict[Any, list[Tensor]]) -> Iterator[Any]:
    def gave(layer: nn.Module, _: Any, output: Tensor) -> None:
        outputs.setdefault(layer, []).append(output)

    def takes(norm: nn.Module, args: tuple[Any, ...]) -> None:
        inputs.setdefault(norm, []).append(args[0])

    for module in model.modules():
        if isinstance(module, _ConvNd | nn.Linear):
            yield module.register_forward_hook(gave)
        elif type(module) in (*_PLAIN, *_with_activation()) and getattr(module, "running_var", None) is not None:
            yield module.register_forward_pre_hook(takes)


def _absorb(layer: _ConvNd | nn.Linear, norm: _BatchNorm) -> None:
    """Put a norm into the layer before it: W' = s W, b' = s (b - mean) + beta with s = gamma / sqrt(var + eps)."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = torch.rsqrt(variance.double() + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    shift = -mean.double() if layer.bias is None else layer.bias.double() - mean.double()
    shift = shift * scale
    if norm.bias is not None:
        shift = shift + norm.bias.double()
    weight = layer.weight.double()
    if isinstance(layer, _ConvTransposeNd):  # [in, out / groups, ...]: groups share no output channel
        grouped = weight.unflatten(0, (layer.groups, -1))
        weight = (grouped * scale.view(layer.groups, 1, -1, *[1] * (weight.ndim - 2))).flatten(0, 1)
    else:
        weight = weight * scale.view(-1, *[1] * (weight.ndim - 1))
    dtype = layer.weight.dtype
    layer.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    layer.bias = nn.Parameter(shift.to(dtype), requires_grad=False)


def _rest(norm: _BatchNorm) -> nn.Module:
    """Return what is left of a norm whose scale and shift are gone."""
    if isinstance(norm, _with_activation()):
        rest: Any = norm
        return nn.Sequential(OrderedDict(drop=rest.drop, act=rest.act)).eval()
    return nn.Identity()


def _with_activation() -> tuple[type, ...]:
    """Return timm's norms that end in an activation."""
    return if_loaded("timm.layers", "BatchNormAct2d", "SyncBatchNormAct")
