"""What a model computes for one image."""

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from yolograft.common.errors import UserError
from yolograft.config.instantiate import describe_error
from yolograft.upstream.model import DetectionModel, get_flops


def gflops(model: DetectionModel, imgsz: int = 640) -> float:
    """Return a model's cost for one square image in 10⁹ floating point operations, as ultralytics counts them.

    ultralytics counts torch's modules and matrix products. A block of ours that uses another operator, as a deformable
    convolution does, says in `uncounted_macs(out)` how many multiplications it took to give a map; they are added.

    ultralytics looks at the smallest images and calculates from them. Where the model needs larger ones, torch's own
    counter of convolutions and matrix products is taken, at `imgsz`.

    Args:
        model: The detector, whole or folded, not on the meta device.
        imgsz: Side of the image, pixels.

    Raises:
        UserError: The model fails at such an image.
    """
    own = [module for module in model.modules() if hasattr(module, "uncounted_macs")]
    cost = float(get_flops(model, imgsz))  # 0 where the model fails
    if cost and not own:
        return cost
    macs = 0

    def count(module: Any, inputs: Any, out: torch.Tensor) -> None:
        nonlocal macs
        macs += module.uncounted_macs(out)

    handles = [module.register_forward_hook(count) for module in own]
    try:
        with FlopCounterMode(display=False) as counter:
            _run(model, imgsz)
    finally:
        for handle in handles:
            handle.remove()
    return (cost or counter.get_total_flops() / 1e9) + 2 * macs / 1e9


def _run(model: DetectionModel, imgsz: int) -> None:
    """Run a model on one black image, telling in one line which part of it fails.

    Raises:
        UserError: One does.
    """
    modes: list[tuple[nn.Module, bool]] = [(module, module.training) for module in model.modules()]
    weight = next(model.parameters())
    x: Any = torch.zeros(1, 3, imgsz, imgsz, device=weight.device, dtype=weight.dtype)
    name = ""
    try:
        model.eval()
        with torch.no_grad():
            for group, part in model.model.named_children():
                name = group
                x = part(x)
    except Exception as error:  # whatever a part of the person's own raises
        reason = describe_error(error)
        raise UserError(f"{name}: its forward fails for an image of {imgsz}×{imgsz} pixels: {reason}") from error
    finally:
        for module, training in modes:
            module.training = training
