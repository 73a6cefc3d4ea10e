"""What is known of a family of detectors beside its parts."""

from collections.abc import Mapping
from dataclasses import dataclass

_BACKBONE = ("stem", "down2", "stage2", "down3", "stage3", "down4", "stage4", "down5", "stage5")
# Two layers that hold nothing, up-sampling and concatenation, stand before each of the first two blocks, and a
# concatenation before each of the others.
_NECK = {"top_p4": 2, "out_p3": 5, "down_p4": 6, "out_p4": 8, "down_p5": 9, "out_p5": 11}
_HEAD = 12


@dataclass(frozen=True)
class Role:
    """What a layer of ultralytics' description of a base is here.

    Attributes:
        layer: Its index there.
        path: The module's path below `Detector.model`.
        kinds: The names of its class in `ultralytics.nn`, several where the base's scales differ. A part of another
            class was swapped and takes no weights of the upstream model; a head that derives from its, those of the
            branches.
    """

    layer: int
    path: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Base:
    """A family of detectors. Which option of each group it is made of says `conf/base/NAME.yaml`.

    Attributes:
        loss: The `_target_` of its loss.
        roles: Its layers that hold weights, in ultralytics' order.
    """

    loss: str
    roles: tuple[Role, ...]


def roles(backbone: str, context: Mapping[str, str], neck: str, head: str) -> tuple[Role, ...]:
    """Return the roles of a base: all have one graph, and differ in the classes of its layers.

    Args:
        backbone: Classes from the stem to stage 5, `Conv Conv C2f …`; `C2f|C2fCIB` where scales differ.
        context: Class by name of the context's layers.
        neck: Classes of `top_p4`, `out_p3`, `down_p4`, `out_p4`, `down_p5`, `out_p5`.
        head: The head's class.
    """
    found = [*zip(_BACKBONE, backbone.split(), strict=True)]
    layers = [(layer, f"backbone.{name}", kind) for layer, (name, kind) in enumerate(found)]
    layers += [(len(found) + place, f"context.{name}", kind) for place, (name, kind) in enumerate(context.items())]
    first = len(layers)
    layers += [
        (first + place, f"neck.{name}", kind) for (name, place), kind in zip(_NECK.items(), neck.split(), strict=True)
    ]
    layers.append((first + _HEAD, "head", head))
    return tuple(Role(layer, path, tuple(kind.split("|"))) for layer, path, kind in layers)
