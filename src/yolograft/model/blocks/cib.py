"""Where YOLOv10 has compact inverted blocks.

Source: Wang et al., "YOLOv10: real-time end-to-end object detection", NeurIPS 2024 (arXiv:2405.14458): by the rank of
each stage's weights, and large kernels in small models only. The table is that of ultralytics' six model files.
"""

from torch import nn

from yolograft.model.features import Scale
from yolograft.upstream.model import C2f, C2fCIB

_PLACES = {
    "n": ("out_p5",),
    "s": ("stage5", "out_p5"),
    "m": ("stage5", "out_p4", "out_p5"),
    "b": ("stage5", "top_p4", "out_p4", "out_p5"),
    "l": ("stage5", "top_p4", "out_p4", "out_p5"),
    "x": ("stage4", "stage5", "top_p4", "out_p4", "out_p5"),
}


def block(place: str, c1: int, c2: int, repeats: int, scale: Scale, *, shortcut: bool) -> nn.Module:
    """Return the block at a place: C2f, or C2fCIB, which has 7×7 kernels at the scales n and s and always shortcuts.

    Args:
        place: `stage2` … `stage5` of the backbone, `top_p4` … `out_p5` of the neck.
        c1: Input channels.
        c2: Output channels.
        repeats: Bottlenecks at full depth.
        scale: The scale, whose name decides.
        shortcut: Whether C2f has shortcuts.

    Raises:
        ValueError: YOLOv10 has no scale of that name.
    """
    if scale.name not in _PLACES:
        raise ValueError(f"needs a scale of the name {', '.join(_PLACES)}: it says where the compact blocks are")
    n = scale.repeats(repeats)
    if place in _PLACES[scale.name]:
        return C2fCIB(c1, c2, n, shortcut=True, lk=scale.name in ("n", "s"))
    return C2f(c1, c2, n, shortcut=shortcut)
