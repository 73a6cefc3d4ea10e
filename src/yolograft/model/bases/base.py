"""What is known of a family of detectors beside its parts."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """What a layer of ultralytics' description of a base is here.

    Attributes:
        layer: Its index there.
        path: The module's path below `Detector.model`.
        kind: The name of its class in `ultralytics.nn`. A part of another class was swapped and takes no weights of
            the upstream model.
    """

    layer: int
    path: str
    kind: str


@dataclass(frozen=True)
class Base:
    """A family of detectors.

    Attributes:
        choices: The option of each config group that the unchanged model is made of: the baseline of a comparison, and
            what the name of a variant leaves out.
        loss: The `_target_` of its loss.
        roles: Its layers that hold weights, in ultralytics' order.
    """

    choices: Mapping[str, str]
    loss: str
    roles: tuple[Role, ...]
