"""Where YOLOv10 has compact inverted blocks.

Source: Wang et al., "YOLOv10: real-time end-to-end object detection", NeurIPS 2024 (arXiv:2405.14458): by the rank of
each stage's weights, and large kernels in small models only. The table is that of ultralytics' six model files.
"""

from collections.abc import Collection

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


def places_of(scale: Scale, cib: Collection[str] | None) -> Collection[str]:
    """Return the places of C2fCIB blocks.

    Args:
        scale: The scale; its name decides where `cib` does not.
        cib: The places; None: those of ultralytics' model file.

    Raises:
        ValueError: Neither says them.
    """
    if cib is None and scale.name not in _PLACES:
        raise ValueError(f"needs cib, a list of places, at a scale that is none of {', '.join(_PLACES)}")
    return _PLACES[scale.name] if cib is None else cib


def block(c1: int, c2: int, repeats: int, scale: Scale, *, cib: bool, shortcut: bool) -> nn.Module:
    """Return YOLOv10's block: C2f, or C2fCIB, which has 7×7 kernels at the scales n and s and always shortcuts."""
    n = scale.repeats(repeats)
    if cib:
        return C2fCIB(c1, c2, n, shortcut=True, lk=scale.name in ("n", "s"))
    return C2f(c1, c2, n, shortcut=shortcut)
