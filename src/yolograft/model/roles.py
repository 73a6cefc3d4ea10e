"""Which layers of a detector are those of an upstream model."""

from typing import Any

from yolograft.model.bases import BASES
from yolograft.model.bases.base import Base, Role
from yolograft.upstream.model import is_upstream


def base_of(model: Any) -> Base:
    """Return the base that a detector has the most layers of; the first of `BASES` among equals.

    Bases with layers of the same classes at the same places, as YOLO11 and YOLO26, have the same roles too.
    """
    return max(BASES.values(), key=lambda base: sum(fills(model, role) for role in base.roles))


def fills(model: Any, role: Role) -> bool:
    """Return whether a detector has a layer of an upstream model where its role says; else it was swapped."""
    try:
        module = model.model.get_submodule(role.path)
    except AttributeError:  # another part stands here
        return False
    return is_upstream(module, role.kinds)
