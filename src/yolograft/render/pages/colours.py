"""Colours of classes on photographs."""

import colorsys

# Okabe and Ito's colours, told apart with any colour vision, on photographs too.
_COLOURS = ("#56B4E9", "#E69F00", "#00B886", "#F0E442", "#E58AC0", "#D55E00", "#3D7DFF", "#FFFFFF")


def palette(nc: int) -> list[str]:
    """Return a colour for each class; of a few classes all can be told apart, of many those of one picture mostly."""
    if nc <= len(_COLOURS):
        return list(_COLOURS[:nc])
    colours = (colorsys.hls_to_rgb(n * 0.618034 % 1, (0.55, 0.7, 0.8)[n % 3], 0.95) for n in range(nc))
    return ["#" + "".join(f"{round(channel * 255):02x}" for channel in colour) for colour in colours]
