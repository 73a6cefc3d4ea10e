"""What became of a transfer of weights, tensor by tensor and part by part."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yolograft.model.bases import DEFAULT_BASE
from yolograft.model.bases.base import Base


@dataclass(frozen=True)
class TransferReport:
    """Which tensors found their place, by name.

    Attributes:
        matched: Ours that were filled.
        unmatched_ours: Ours that were left as they are: no such layer in the source, or another shape there.
        unmatched_upstream: The source's that have no place here.
        resized: Ours of the class branch that were filled in part: the rows of classes that both have, first channels.
        base: Whose layers the source's are.
        classes: How many classes were found by name, and of how many; None where all are the same or none has a name.
    """

    matched: tuple[str, ...]
    unmatched_ours: tuple[str, ...]
    unmatched_upstream: tuple[str, ...]
    resized: tuple[str, ...] = ()
    base: Base = DEFAULT_BASE
    classes: tuple[int, int] | None = None

    @property
    def unmatched_layers(self) -> tuple[str, ...]:
        """Roles (`neck.down_p4`) of which at least one of the source's tensors has no place here."""
        layers = {name.split(".")[1] for name in self.unmatched_upstream if name.startswith("model.")}
        return tuple(role.path for role in self.base.roles if str(role.layer) in layers)

    @property
    def total(self) -> int:
        """Number of our tensors."""
        return len(self.matched) + len(self.resized) + len(self.unmatched_ours)

    @property
    def share(self) -> float:
        """Share of our tensors that were filled, in part or whole."""
        return 1 - len(self.unmatched_ours) / self.total if self.total else 0.0

    @property
    def parts(self) -> Mapping[str, Mapping[str, int]]:
        """By part, how many tensors were `matched` and `resized` and how many are `missing`."""
        kinds = {"matched": self.matched, "resized": self.resized, "missing": self.unmatched_ours}
        counts = {kind: Counter(name.split(".")[1] for name in names) for kind, names in kinds.items()}
        order = dict.fromkeys(name.split(".")[1] for names in kinds.values() for name in names)
        listed = [*(part for part in _ORDER if part in order), *(part for part in order if part not in _ORDER)]
        return {part: {kind: counts[kind][part] for kind in kinds} for part in listed}

    def lines(self) -> list[str]:
        """Return the table of the parts."""
        rows = [("part", *_KINDS), *((part, *map(str, found.values())) for part, found in self.parts.items())]
        width = max(len(row[0]) for row in rows)
        return [f"  {row[0]:<{width}}" + "".join(f"{cell:>9}" for cell in row[1:]) for row in rows]

    def to_json(self) -> dict[str, Any]:
        """Return what run.json keeps."""
        told: dict[str, Any] = {"share": round(self.share, 4), "parts": self.parts}
        if self.classes is not None:
            told["classes"] = {"found": self.classes[0], "of": self.classes[1]}
        return told

    def __str__(self) -> str:
        where = f" (not: {', '.join(self.unmatched_layers)})" if self.unmatched_layers else ""
        part = f", {len(self.resized)} in part" if self.resized else ""
        classes = "" if self.classes is None else f"; {self.classes[0]} of {self.classes[1]} classes found by name"
        return f"{len(self.matched)} of {self.total} tensors matched{part}{classes}{where}"


_ORDER = ("backbone", "context", "neck", "head")
_KINDS = ("matched", "resized", "missing")
