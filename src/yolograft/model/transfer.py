"""Weights from one detector into another: each layer takes those of the layer that does the same there.

What a layer does is its role, its path below `Detector.model` (`neck.top_p4.cv1`), which stays the same whatever else
the detector is made of. Three places are named by more than their path:

- Layers of the head are numbered by level; the numbers stand for other levels where there is a P2.
- The neck's finest `out` block is the end of the way down and so a `top` block: `out_p3` of a detector of P3 to P5 does
  what `top_p3` does in one that has P2 too.
- The rows of the class branch belong to classes, which are found by name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from yolograft.common.levels import DEFAULT_LEVELS, STRIDES
from yolograft.model.bases import BASES, DEFAULT_BASE
from yolograft.model.bases.base import Base
from yolograft.model.detector import Detector
from yolograft.model.roles import base_of, fills
from yolograft.model.state import State
from yolograft.model.transfer_report import TransferReport

_LISTS = (nn.ModuleList, nn.Sequential, nn.ModuleDict)
_STOCK = "ultralytics.nn."
_CLASS_BRANCH = re.compile(r"(head\.(?:one2one_)?cv3\.\w+)\.(.+)")


def transfer(model: Detector, state: Mapping[str, Tensor]) -> TransferReport:
    """Copy weights of either naming into a detector: stock's, or those of another detector of ours.

    A tensor is taken where role, kind of layer and shape agree; in the class branch, where there are other classes,
    also in part.

    Args:
        model: The detector; changed in place.
        state: Tensors by name; a `State` also says what its file knows of the classes, levels and layers.

    Returns:
        What found its place.
    """
    source = _Source.of(model, state if isinstance(state, State) else State(state))
    own = _Own.of(model)
    rows = _rows(own.classes, source.classes, source.count == model.nc)
    filled: dict[str, Tensor] = {}
    resized = []
    used = set()
    for role, name in own.names.items():
        value, present = source.tensors.get(role), own.tensors[name]
        if value is None or not _same_layer(role, own, source):
            continue
        branch = _CLASS_BRANCH.fullmatch(role)
        is_last = branch is not None and branch[2].split(".")[0] == own.last[branch[1]]
        if value.shape == present.shape and not (is_last and rows is not None):
            filled[name] = value
        elif (
            branch is not None
            and _same_input(branch[2], value, present)
            and (part := _partly(value, present, rows if is_last else None)) is not None
        ):
            filled[name] = part
            resized.append(name)
        else:
            continue
        used.add(role)
    if any(name.startswith("model.backbone.") for name in filled):  # what its images are normalized with belongs to it
        brought = [role for role in _NORMALIZATION if role in source.tensors]
        filled |= {f"model.{role}": source.tensors[role] for role in brought}
        used |= set(brought)
    model.load_state_dict(filled, strict=False)
    return TransferReport(
        matched=tuple(name for name in own.tensors if name in filled and name not in resized),
        resized=tuple(resized),
        unmatched_ours=tuple(name for name in own.tensors if name not in filled),
        unmatched_upstream=tuple(name for role, name in source.named.items() if role not in used),
        base=source.base,
        classes=None if rows is None or not own.classes else (len(rows), len(own.classes)),
    )


_NORMALIZATION = ("backbone.mean", "backbone.std")


def to_upstream(model: Detector) -> dict[str, Tensor]:
    """Return a detector's tensors under the names of ultralytics' model of its base, without those of swapped parts."""
    own = model.state_dict()
    return {upstream: own[ours] for upstream, ours in _shared_names(model)}


def _shared_names(model: Detector) -> Iterator[tuple[str, str]]:
    """Yield the names, stock's and ours, of every tensor of a layer that is stock's own."""
    for role in base_of(model).roles:
        if fills(model, role):
            for name in model.model.get_submodule(role.path).state_dict():
                yield f"model.{role.layer}.{name}", f"model.{role.path}.{name}"


@dataclass(frozen=True)
class _Own:
    """The detector that takes weights.

    Attributes:
        names: Name of each tensor by role.
        tensors: By name.
        kinds: Class of each module by role.
        children: What hangs below each module that is no list, by role.
        last: Number of the last layer of each class branch, by its role.
        classes: Class names; empty where they are only numbers.
        backbone: Which backbone it is, beyond its class.
        head: The class of ultralytics' that the head is of or derives from; empty where there is none.
    """

    names: Mapping[str, str]
    tensors: Mapping[str, Tensor]
    kinds: Mapping[str, str]
    children: Mapping[str, frozenset[str]]
    last: Mapping[str, str]
    classes: tuple[str, ...]
    backbone: str | None
    head: str

    @classmethod
    def of(cls, model: Detector) -> "_Own":
        tensors = model.state_dict()
        finest_first = sorted(STRIDES, key=lambda level: STRIDES[level])
        levels = [level for level in finest_first if STRIDES[level] in [int(s) for s in model.stride.tolist()]]
        naming = _Naming.of(tensors, levels)
        names = {naming.role(name): name for name in tensors}
        lists = {naming.role(f"model.{path}") for path, m in model.model.named_modules() if isinstance(m, _LISTS)}
        children = {path: below for path, below in _children(names).items() if path not in lists}
        return cls(
            names,
            tensors,
            kinds_of(model, levels),
            children,
            _last_of_branches(names),
            class_names(model.names),
            model.spec.parts["backbone"].get("model"),
            next((each.__name__ for each in type(model.model.head).__mro__ if each.__module__.startswith(_STOCK)), ""),
        )


@dataclass(frozen=True)
class _Source:
    """Where weights come from.

    Attributes:
        tensors: By role.
        named: Name of each tensor by role.
        kinds: Classes by role; of stock's layers, several where scales differ. Empty where they are not known.
        children: What hangs below each module, by role.
        classes: Class names; empty where they are not known.
        count: Number of classes, as far as the tensors tell.
        base: Whose layers they are.
        backbone: Which backbone it is, beyond its class; None where that is not known.
    """

    tensors: Mapping[str, Tensor]
    named: Mapping[str, str]
    kinds: Mapping[str, tuple[str, ...]]
    children: Mapping[str, frozenset[str]]
    classes: tuple[str, ...]
    count: int | None
    base: Base
    backbone: str | None
    is_stock: bool

    @classmethod
    def of(cls, model: Detector, state: State) -> "_Source":
        is_stock = any(name.startswith("model.0.") for name in state)
        base = _base_of_stock(model, state) if is_stock else DEFAULT_BASE
        names = {name: name for name in state}
        kinds: dict[str, tuple[str, ...]] = {path: (kind,) for path, kind in state.kinds.items()}
        if is_stock:
            paths = {str(role.layer): role.path for role in base.roles}
            names = {}
            for name in state:
                _, layer, *rest = name.split(".")
                # another model's layer: under its own name, which no role has
                names[name] = ".".join(["model", paths[layer], *rest]) if layer in paths and rest else name
        naming = _Naming.of(list(names.values()), state.levels or DEFAULT_LEVELS)
        if is_stock:
            kinds = {naming.role(f"model.{role.path}"): role.kinds for role in base.roles}
        named = {naming.role(ours): name for name, ours in names.items()}
        tensors = {role: state[name] for role, name in named.items()}
        last = _last_of_branches(named)
        final = next((tensors.get(f"{branch}.{number}.bias") for branch, number in last.items()), None)
        return cls(
            tensors,
            named,
            kinds,
            _children(named),
            class_names(state.names),
            None if final is None else len(final),
            base,
            state.backbone,
            is_stock,
        )


@dataclass(frozen=True)
class _Naming:
    """From the name of a tensor or module to its role.

    Attributes:
        levels: Of the detector, the finest first.
        leveled: Lists of the head that have an entry for each level.
    """

    levels: Sequence[str]
    leveled: frozenset[str]

    @classmethod
    def of(cls, names: Iterator[str] | Sequence[str] | Mapping[str, Tensor], levels: Sequence[str]) -> "_Naming":
        numbers: dict[str, set[str]] = {}
        for name in names:
            if match := re.match(r"model\.head\.(\w+)\.(\d+)\.", name):
                numbers.setdefault(match[1], set()).add(match[2])
        expected = {str(number) for number in range(len(levels))}
        return cls(levels, frozenset(entry for entry, found in numbers.items() if found == expected))

    def role(self, name: str) -> str:
        part, *path = name.removeprefix("model.").split(".")
        if part == "neck" and path and path[0] == f"out_{self.levels[0].lower()}":
            path[0] = f"top_{self.levels[0].lower()}"
        if part == "head" and len(path) > 1 and path[0] in self.leveled:
            path[1] = self.levels[int(path[1])]
        return ".".join([part, *path])


def kinds_of(model: Detector, levels: Sequence[str]) -> dict[str, str]:
    """Return the class of each module of a detector by its role."""
    naming = _Naming.of(model.state_dict(), levels)
    return {
        naming.role(f"model.{path}"): f"{type(module).__module__}.{type(module).__qualname__}"
        for path, module in model.model.named_modules()
        if path
    }


def class_names(names: Mapping[int, str]) -> tuple[str, ...]:
    """Return class names in order, comparable; empty where they are only the numbers that stand for unknown ones."""
    listed = [str(names[index]).strip().casefold() for index in sorted(names)]
    return () if listed == [str(index) for index in range(len(listed))] else tuple(listed)


def _base_of_stock(model: Detector, state: Mapping[str, Tensor]) -> Base:
    """Return whose layers a state dict of ultralytics' has: the detector's own base if it may be."""
    layers = {name.split(".")[1] for name in state if name.startswith("model.")}
    candidates = [base_of(model), *BASES.values()]
    return next((base for base in candidates if {str(role.layer) for role in base.roles} == layers), candidates[0])


def _same_layer(role: str, own: _Own, source: _Source) -> bool:
    """Return whether the layers that hold a tensor are of the same kind in both, from the part's own layer down."""
    steps = role.split(".")
    holders = [".".join(steps[:end]) for end in range(2, len(steps))]
    if steps[0] == "backbone" and not _same_backbone(holders, own, source):
        return False
    if source.is_stock:
        if steps[0] == "head":  # one that derives from stock's has its branches, unless they are of other layers
            known = all(own.kinds[path].startswith((_STOCK, "torch.nn.")) for path in holders)
            if not (known and own.head in source.kinds.get("head", ())):
                return False
        else:
            layer = holders[0] if holders else role
            kind = own.kinds.get(layer, "")
            if not (kind.startswith(_STOCK) and kind.rpartition(".")[2] in source.kinds.get(layer, ())):
                return False
    elif source.kinds:
        return all(own.kinds.get(path) in source.kinds.get(path, ()) for path in holders)
    return all(own.children[path] == source.children.get(path) for path in holders if path in own.children)


def _same_backbone(holders: Sequence[str], own: _Own, source: _Source) -> bool:
    """Return whether a layer of a backbone is one of the bases' common layers, or both have the same backbone."""
    if holders and holders[0] in _BACKBONE_ROLES:
        return True
    if source.is_stock:
        return False
    if source.kinds and own.kinds["backbone"] not in source.kinds.get("backbone", ()):
        return False
    return source.backbone is None or own.backbone == source.backbone


_BACKBONE_ROLES = frozenset(role.path for base in BASES.values() for role in base.roles)


def _rows(own: Sequence[str], theirs: Sequence[str], same_count: bool) -> dict[int, int] | None:
    """Return the row of each class that both have, theirs by ours; None where all rows are the same classes.

    Classes of unknown names are taken for the same where they are as many.
    """
    if not (own and theirs):
        return None if same_count else {}
    places = {name: index for index, name in enumerate(theirs)}
    return None if own == theirs else {index: places[name] for index, name in enumerate(own) if name in places}


def _same_input(path: str, value: Tensor, present: Tensor) -> bool:
    """Return whether a tensor of a class branch, if it belongs to its first layer, is for maps of the same width.

    Channels of maps of different width have nothing in common; YOLO11's branch begins with a depthwise convolution.
    """
    if path.startswith("0.0."):
        return value.shape == present.shape
    return path not in ("0.1.conv.weight", "0.conv.weight") or value.shape[1] == present.shape[1]


def _partly(value: Tensor, present: Tensor, rows: Mapping[int, int] | None) -> Tensor | None:
    """Return a tensor of the class branch with what fits of another: its first channels, the rows of its classes.

    The branch is as wide as there are classes, within limits, so another number of classes makes it narrower or wider.
    """
    if value.ndim != present.ndim or value.shape[2:] != present.shape[2:]:
        return None
    made = present.clone()
    shared = [min(pair) for pair in zip(value.shape, present.shape, strict=True)]
    if rows is None:
        window = tuple(map(slice, shared))
        made[window] = value[window]
        return made
    for mine, theirs in rows.items():
        if mine < present.shape[0] and theirs < value.shape[0]:
            window = tuple(map(slice, shared[1:]))
            made[mine][window] = value[theirs][window].to(made.dtype)
    return made if rows else None


def _children(names: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return what hangs directly below each module that holds tensors."""
    found: dict[str, set[str]] = {}
    for role in names:
        steps = role.split(".")
        for end in range(1, len(steps)):
            found.setdefault(".".join(steps[:end]), set()).add(steps[end])
    return {path: frozenset(below) for path, below in found.items()}


def _last_of_branches(names: Mapping[str, str]) -> dict[str, str]:
    """Return the number of the last layer of each class branch: the one that has a row for each class."""
    last: dict[str, str] = {}
    for role in names:
        if match := _CLASS_BRANCH.fullmatch(role):
            number = match[2].split(".")[0]
            last[match[1]] = max(last.get(match[1], "0"), number, key=int)
    return last
