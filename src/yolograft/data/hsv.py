"""BGR to hue, saturation, value and back, as OpenCV does it for 8 bits: hue 0…179, the others 0…255.

Source: OpenCV, `modules/imgproc/src/color_hsv.simd.hpp` (`RGB2HSV_b`, `HSV2RGB_f`).
"""

from functools import cache

import torch
from torch import Tensor

_SHIFT = 12  # bits behind the point in OpenCV's tables of quotients


def to_hsv(bgr: Tensor) -> Tensor:
    """Return hue, saturation and value of pixels.

    Args:
        bgr: Uint8 [B, 3, H, W].

    Returns:
        Int32 [B, 3, H, W].
    """
    b, g, r = bgr.int().unbind(1)
    value = torch.maximum(torch.maximum(b, g), r)
    spread = value - torch.minimum(torch.minimum(b, g), r)
    of_value, of_spread = _quotients(bgr.device)
    half = 1 << (_SHIFT - 1)
    saturation = (spread * of_value[value] + half) >> _SHIFT
    sixths = torch.where(value == r, g - b, torch.where(value == g, b - r + 2 * spread, r - g + 4 * spread))
    hue = (sixths * of_spread[spread] + half) >> _SHIFT
    hue = torch.where(hue < 0, hue + 180, hue)
    return torch.stack((hue, saturation, value), dim=1)


def to_bgr(hsv: Tensor) -> Tensor:
    """Return the pixels of hue, saturation and value.

    Args:
        hsv: Uint8 [B, 3, H, W].

    Returns:
        Uint8 [B, 3, H, W], blue first.
    """
    hue, saturation, value = hsv.float().unbind(1)
    saturation, value = saturation / 255, value / 255
    sixths = hue * (6 / 180)
    strength = value * saturation
    channels = []
    for begin in (1, 3, 5):  # blue, green, red: how far round the circle of six each begins to fade
        place = (sixths + begin).remainder_(6)
        fade = torch.minimum(place, 4 - place).clamp_(0, 1)
        channels.append(value - strength * fade)
    # OpenCV's vector instructions cut off; only the few pixels of a row that fill no vector are rounded.
    return (torch.stack(channels, dim=1) * 255).to(torch.uint8)


@cache
def _quotients(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return OpenCV's tables of 255 and 30, each divided by 0 (there 0) to 255, with the point shifted.

    Kept on each device: to send them anew would wait for the device every time.
    """
    divisors = torch.arange(1, 256, dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.int32)
    of_value = torch.cat((zero, ((255 << _SHIFT) / divisors).round().int()))
    of_spread = torch.cat((zero, ((180 << _SHIFT) / (6 * divisors)).round().int()))
    return of_value.to(device), of_spread.to(device)
