"""Modulated deformable convolution of given offsets, in operators that every exporter knows and every counter counts.

Source: Zhu et al., "Deformable ConvNets v2: More Deformable, Better Results", CVPR 2019 (arXiv:1811.11168), equation 1.
torchvision's operator gives the same; it has no form in ONNX, and ultralytics' counter takes it for free.
"""

import torch
from torch import Tensor
from torch.nn import functional


def deformable(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """Return y(p) = Σ_k w_k · x(p + p_k + Δp_k) · m_k, where x is read bilinearly and is zero outside.

    Args:
        x: [B, C, H, W].
        offset: Δp, down and right for each of the k² places of the kernel, pixels: [B, 2k², H', W'].
        mask: m: [B, k², H', W'].
        weight: [C', C, k, k] with k odd; the kernel's middle lies on p.
        stride: Pixels of x from one p to the next, beginning at its first.

    Returns:
        [B, C', H', W'].
    """
    kernel = weight.shape[-1]
    height, width = offset.shape[2:]
    offset = offset.unflatten(1, (kernel**2, 2))
    reach = torch.arange(kernel, device=x.device, dtype=x.dtype) - kernel // 2
    rows = torch.arange(height, device=x.device, dtype=x.dtype)[:, None] * stride + offset[:, :, 0]
    columns = torch.arange(width, device=x.device, dtype=x.dtype) * stride + offset[:, :, 1]
    rows = rows + reach.repeat_interleave(kernel)[:, None, None]
    columns = columns + reach.repeat(kernel)[:, None, None]
    # Whole numbers are the middles of pixels. The k² samples of a place stand below each other: [B, k²H', W', 2].
    places = torch.stack(((2 * columns + 1) / x.shape[3] - 1, (2 * rows + 1) / x.shape[2] - 1), dim=-1).flatten(1, 2)
    taken = functional.grid_sample(x, places, mode="bilinear", padding_mode="zeros", align_corners=False)
    taken = taken.unflatten(2, (kernel**2, height)) * mask.unsqueeze(1)
    return torch.einsum("ock,bckhw->bohw", weight.flatten(2), taken)
