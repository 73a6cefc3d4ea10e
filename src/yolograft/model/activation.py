"""Activations by name, and how those of a part are exchanged once it is built.

Nothing outside the part changes: ultralytics' `Conv.default_act`, which all convolutions of a process share, stays what
it is. Each place gets a layer of its own, since PReLU learns.
"""

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from yolograft.common.imports import if_loaded
from yolograft.upstream.model import Conv

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "silu": nn.SiLU,  # Elfwing et al., 2018: x · sigmoid(x)
    "mish": nn.Mish,  # Misra, 2019: x · tanh(softplus(x))
    "relu": nn.ReLU,
    "hardswish": nn.Hardswish,  # Howard et al., 2019: x · relu6(x + 3) / 6
    "gelu": nn.GELU,  # Hendrycks & Gimpel, 2016: x · Φ(x)
    "leaky_relu": partial(nn.LeakyReLU, 0.1),  # the slope of Darknet, from which YOLO comes
    "prelu": nn.PReLU,  # He et al., 2015: one learned slope per layer, 0.25 at first
}

_EXCHANGED = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardswish,
    nn.LeakyReLU,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
)
"""What stands between layers. What ends in a share of something (sigmoid, softmax) is a gate, and stays."""
_EXCHANGED_OF_TIMM = ("GELU", "GELUTanh", "QuickGELU")


def set_activation(part: nn.Module, name: str) -> int:
    """Exchange every activation inside a part; return how many there were.

    Args:
        part: Changed in place.
        name: A key of `ACTIVATIONS`.

    Raises:
        ValueError: There is no such activation.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"no activation '{name}'; there are {', '.join(ACTIVATIONS)}")
    # Collected first, and by place: a layer may stand in several.
    places = [(parent, child) for parent in part.modules() for child in parent._modules]
    kinds = (*_EXCHANGED, *if_loaded("timm.layers.activations", *_EXCHANGED_OF_TIMM))
    found = [(parent, child) for parent, child in places if isinstance(parent._modules[child], kinds)]
    for parent, child in found:
        setattr(parent, child, ACTIVATIONS[name]())
    return len(found)


def is_yolos(part: nn.Module) -> bool:
    """Return whether a part begins with ultralytics' convolution, so that it takes the model's activation.

    timm's do not, although ultralytics' may stand behind them, to make a P6.
    """
    first = next((module for module in part.modules() if isinstance(module, Conv | nn.Conv2d)), None)
    return isinstance(first, Conv)
