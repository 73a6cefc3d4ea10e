"""The YAML files of `conf/` as tables of keys: value, type and comment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from yolograft.config.comments import file_header, file_keys
from yolograft.config.schema import DatasetOptions

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"


@dataclass(frozen=True)
class Key:
    """A key of a YAML file.

    Attributes:
        name: Dotted, without the group.
        value: As it is written.
        comment: What stands beside it.
    """

    name: str
    value: str
    comment: str


@dataclass(frozen=True)
class Document:
    """A YAML file under `conf/`.

    Attributes:
        header: The comment above its first key.
        keys: Its keys, without `defaults`, `hydra` and `_target_`.
        content: The same as Python has it, with all of them.
    """

    header: str
    keys: list[Key]
    content: dict[str, Any]


def read(file: Path) -> Document:
    """Read a YAML file with its comments."""
    text = file.read_text(encoding="utf-8")
    content = yaml.safe_load(text) or {}
    keys = [
        Key(key.key, written(value), key.comment)
        for key in file_keys(text)
        if key.key.partition(".")[0] not in ("hydra", "_target_", "kind")
        and (not isinstance(value := value_of(content, key.key), dict) or not value)
    ]
    if text.startswith("# @package _global_"):  # it sets keys of the whole config: what it says of them describes it
        return Document(file_header(text) or keys[0].comment, [], content)
    return Document(file_header(text), keys, content)


def value_of(content: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key."""
    value: Any = content
    for name in key.split("."):
        value = value[name]
    return value


def written(value: Any) -> str:
    """Return a value as it is written on a command line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.strip().removesuffix("\n...").strip()


def schema_types(model: type[BaseModel]) -> dict[str, str]:
    """Return the type of each key of a model, as a person reads it; nested models by dotted keys."""
    document = model.model_json_schema()
    found: dict[str, str] = {}
    for name, schema in document.get("properties", {}).items():
        found[name] = type_text(schema)
        if name == "dataset":
            found |= {f"dataset.{key}": type_ for key, type_ in schema_types(DatasetOptions).items()}
    return found


def type_text(schema: Mapping[str, Any]) -> str:
    """Return a JSON schema as words: `integer ≥ 1`, `strict, warn or off`."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_text(option) for option in schema["anyOf"] if option))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {type_text(schema.get('items', {}))}"
    names = {"object": "mapping", "string": "text", "boolean": "true, false", "null": "null"}
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    limits = [f"≥ {low}" if low is not None else f"> {above}" if above is not None else ""]
    limits.append(f"≤ {high}" if high is not None else f"< {below}" if below is not None else "")
    return " ".join([names.get(kind, kind), ", ".join(limit for limit in limits if limit)]).strip()


def table(keys: list[Key], types: Mapping[str, str], *, several: bool = False) -> list[str]:
    """Return the lines of a table of keys.

    Args:
        keys: The keys.
        types: Their types.
        several: The options beside the first have other values of the keys without a comment: leave the default out.
    """
    if not keys:
        return []
    lines = ["| key | type | default | |", "|---|---|---|---|"]
    for key in keys:
        value = "" if several and key.name == "name" else "required" if key.value == "???" else f"`{key.value}`"
        type_ = types.get(key.name, "")
        lines.append(f"| `{key.name}` | {cell(type_)} | {value} | {cell(key.comment)} |")
    return [*lines, ""]


def anchor(name: str) -> str:
    """Return the fragment of a group or option."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def sentence(text: str) -> str:
    """Return a comment as a sentence."""
    return f"{text.rstrip('.')}." if text else ""


def cell(text: str) -> str:
    """Return text that stays within a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")
