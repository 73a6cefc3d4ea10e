"""What a detector is built from, and how that is read from a file that a stranger may have made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from yolograft.common.levels import DEFAULT_LEVELS, check_levels
from yolograft.common.parsing import parse_json
from yolograft.common.parts import ATTENTION, MODEL_GROUPS
from yolograft.config.former import update_parts
from yolograft.model.bases import DEFAULT_BASE

# Far above what any model has; a description beyond them only means to fill memory.
_MAX_CLASSES = 65_536
_MAX_NUMBER = 65_536
_MAX_MULTIPLIER = 64
_MAX_TEXT = 1000

# Options of parts that say which weights they begin with.
_PRETRAINED = ("pretrained", "pretrained_slice")


@dataclass(frozen=True)
class ModelSpec:
    """Everything needed to build a detector again.

    Attributes:
        parts: For backbone, context, neck and head, the dotted `_target_` and its options.
        scale: The fields of `Scale`.
        nc: Number of classes.
        names: Class names by index; their numbers where none are given.
        loss: The `_target_` of the loss and its options.
        levels: Names of the levels of the pyramid, the finest first.
        attention: The `_target_` of what is put between the parts, its options, and `at`, its places; None for none.
        activation: The activation of all that is not the backbone; None for each part's own.
    """

    parts: dict[str, dict[str, Any]]
    scale: dict[str, Any]
    nc: int
    names: dict[int, str] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=lambda: {"_target_": DEFAULT_BASE.loss})
    levels: tuple[str, ...] = DEFAULT_LEVELS
    attention: dict[str, Any] | None = None
    activation: str | None = None

    @property
    def targets(self) -> dict[str, str]:
        """The `_target_` of each group that has one."""
        groups = {**self.parts, "loss": self.loss, ATTENTION: self.attention or {}}
        return {group: str(part["_target_"]) for group, part in groups.items() if part.get("_target_")}

    def label(self, group: str) -> str:
        """Return what an error calls a part or the loss: group and file, which is also its YAML's name."""
        target = self.targets[group]
        return f"{group} '{target.split('.')[-2] if '.' in target else target}'"

    def untrained(self) -> "ModelSpec":
        """Return the spec of the same model whose parts start untrained: no weights are fetched for them."""
        parts = {
            group: {key: False if key in _PRETRAINED else value for key, value in part.items()}
            for group, part in self.parts.items()
        }
        return replace(self, parts=parts)

    def to_json(self) -> str:
        """Return the spec as one line of JSON, without what is at a default that came later than the file's form."""
        values = {known.name: (getattr(self, known.name), known.default) for known in fields(self)}
        return json.dumps({name: value for name, (value, default) in values.items() if value != default})

    @classmethod
    def from_json(cls, text: str) -> "ModelSpec":
        """Return the spec that `to_json` wrote, in whatever version.

        Raises:
            ValueError: The text is not such a spec, or its numbers are beyond any model's.
        """
        content = parse_json(text)
        try:
            content["parts"] = update_parts(content["parts"])
            content["loss"] = update_parts({"loss": content["loss"]})["loss"]
            content["names"] = {int(index): str(name) for index, name in content["names"].items()}
            content["levels"] = tuple(content.get("levels", DEFAULT_LEVELS))
            spec = cls(**content)
            _check(spec)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"not a model's description: {error}") from error
        return spec


def check_setting(key: str, value: Any) -> None:
    """Refuse a setting of a model, such as `context.repeats`, that only means to fill memory or never to end.

    Raises:
        ValueError: It is beyond any model's.
    """
    _check_option(key, value)
    if key in ("scale.depth", "scale.width"):
        _require(not _is_number(value) or value <= _MAX_MULTIPLIER, f"{key} is not above 0 and at most 64")


def _check(spec: ModelSpec) -> None:
    """Refuse what is not of the right type, or too large to build."""
    _require(isinstance(spec.nc, int) and 1 <= spec.nc <= _MAX_CLASSES, "nc is not a number of classes")
    _require(not spec.names or sorted(spec.names) == list(range(spec.nc)), "names are not those of the nc classes")
    for group, part in {**spec.parts, "loss": spec.loss, ATTENTION: spec.attention or {}}.items():
        _require(group in MODEL_GROUPS and isinstance(part, dict), f"{group} is no part")
        for key, value in part.items():
            _check_option(f"{group}.{key}", value)
    check_levels(spec.levels)
    _require(spec.activation is None or isinstance(spec.activation, str), "activation is no text")
    scale = spec.scale
    _require(isinstance(scale["name"], str) and isinstance(scale["c3k"], bool), "scale has no name or no c3k")
    for key, most in {"depth": _MAX_MULTIPLIER, "width": _MAX_MULTIPLIER, "max_channels": _MAX_NUMBER}.items():
        _require(_is_number(scale[key]) and 0 < scale[key] <= most, f"scale.{key} is not above 0 and at most {most}")


def _check_option(key: str, value: Any, depth: int = 0) -> None:
    if isinstance(value, str):
        _require(len(value) <= _MAX_TEXT, f"{key} is a text of {len(value)} letters")
    elif _is_number(value):
        _require(abs(value) <= _MAX_NUMBER, f"{key} is beyond {_MAX_NUMBER}")
    elif isinstance(value, list | dict):
        _require(depth < 3 and len(value) <= _MAX_TEXT, f"{key} holds too much")
        for item in value.values() if isinstance(value, Mapping) else value:
            _check_option(key, item, depth + 1)
    else:
        _require(value is None or isinstance(value, bool), f"{key} is no plain value")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
