"""Colours of classes on photographs."""

import colorsys

# Okabe and Ito's colours, distinguishable with any colour vision, on photographs too.
_COLOURS = ("#56B4E9", "#E69F00", "#00B886", "#F0E442", "#E58AC0", "#D55E00", "#3D7DFF", "#FFFFFF")


def palette(nc: int) -> list[str]:
    """Return a colour for each class; distinct for a few classes, mostly distinct within a picture for many."""
    if nc <= len(_COLOURS):
        return list(_COLOURS[:nc])
    colours = (colorsys.hls_to_rgb(n * 0.618034 % 1, (0.55, 0.7, 0.8)[n % 3], 0.95) for n in range(nc))
    return ["#" + "".join(f"{round(channel * 255):02x}" for channel in colour) for colour in colours]
