"""What Core ML Tools 9 lacks for NumPy 2.4 (https://github.com/apple/coremltools/issues/2633)."""

from typing import Any

import numpy as np

__all__ = ["take_numpy_2_4"]


def take_numpy_2_4() -> None:
    """Have Core ML Tools convert `int()` of an array of one element, which NumPy 2.4 no longer takes for a number."""
    from coremltools.converters.mil import Builder
    from coremltools.converters.mil.frontend.torch import ops, register_torch_op

    stock = ops._int

    def _int(context: Any, node: Any) -> None:
        (taken,) = ops._get_inputs(context, node, expected=1)
        if isinstance(taken.val, np.ndarray) and taken.val.size == 1:
            context.add(Builder.const(val=int(taken.val.item()), name=node.name))
        else:
            stock(context, node)

    register_torch_op(_int, torch_alias=["int"], override=True)
