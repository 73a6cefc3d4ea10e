"""How long a detector takes for one image."""

import copy
import statistics
import time

import torch

from yolograft.model.detector import Detector

_WARM_UP, _FEWEST, _MOST = 3, 3, 30


def latency(model: Detector, device: torch.device, imgsz: int, *, seconds: float = 1.0) -> float:
    """Return the milliseconds that one image takes on a device, without what comes before and after the network.

    Batch 1, fp32, batch norms fused into the convolutions, the median of 30 passes, or of fewer where they take long.

    Args:
        model: The detector; it is left as it is.
        device: Where to compute.
        imgsz: Image size, pixels.
        seconds: After these no further pass is made, once there are three.
    """
    fused = copy.deepcopy(model).to(device).eval().fuse(verbose=False)
    image = torch.zeros(1, 3, imgsz, imgsz, device=device)
    taken: list[float] = []
    with torch.inference_mode():
        while len(taken) < _WARM_UP + (_MOST if sum(taken) < seconds else _FEWEST):
            began = time.perf_counter()
            fused(image)
            if device.type != "cpu":
                getattr(torch, device.type).synchronize()
            taken.append(time.perf_counter() - began)
    return statistics.median(taken[_WARM_UP:]) * 1000
