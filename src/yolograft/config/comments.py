"""What the comments in the YAML files under `conf/` say of each key: for `--help` and for the reference in the docs.

A key's comment stands behind its value, or on the lines right above it. What stands at the top of a file describes the
file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from yolograft.common.files import read_text
from yolograft.config.locations import conf_dir, home
from yolograft.config.search_path import initialized


@dataclass(frozen=True)
class FileKey:
    """A key in a YAML file.

    Attributes:
        key: Its dotted path in the file.
        line: The number of its line, from 0.
        one_line: Whether a comment may stand on that line: its value does not go on below as text.
        comment: What is said of it; empty where nothing is.
    """

    key: str
    line: int
    one_line: bool
    comment: str


@dataclass(frozen=True)
class ComposedKey:
    """A key of a composed config.

    Attributes:
        key: Its dotted path, as on the command line.
        group: The config group whose option sets it; None for a key of the command itself.
        value: Its value as YAML; None for a key that holds other keys.
        comment: What is said of it; empty where nothing is.
    """

    key: str
    group: str | None
    value: str | None
    comment: str


def file_header(text: str) -> str:
    """Return what the comment at the top of a YAML file says, in one line."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").strip())
    return " ".join(line for line in lines if not line.startswith("@package"))


def file_keys(text: str) -> list[FileKey]:
    """Return the keys of a YAML text, in the order written, with their comments.

    Raises:
        yaml.YAMLError: If it is no YAML.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return []
    lines = text.splitlines()
    for number in range(len(lines)):
        if not lines[number].startswith("#"):
            break
        lines[number] = ""  # the file's, not the first key's
    return list(_keys(root, lines, ""))


def composed_keys(command: str, overrides: Sequence[str] = ()) -> list[ComposedKey]:
    """Return every key of a command's config, as the overrides make it.

    Args:
        command: Its name: that of a file in `conf/`.
        overrides: As on the command line, such as `optim=adamw`.

    Raises:
        HydraException: For an override that Hydra refuses.
    """
    with initialized(command):
        config = compose(command, list(overrides))
        said = key_comments(command, overrides)
        groups = {path.name for path in conf_dir().iterdir() if path.is_dir()}
    found = []
    for key, value in _flat(config):
        group = key.partition(".")[0]
        found.append(ComposedKey(key, group if group in groups else None, value, said.get(key, "")))
    return found


def key_comments(command: str, overrides: Sequence[str]) -> dict[str, str]:
    """Return the comments of the files that a config is composed of, by dotted key; needs an initialized Hydra.

    Where several files say something of one key, the one that has the last word on its value is taken.

    Args:
        command: As for `composed_keys`.
        overrides: As for `composed_keys`.
    """
    loader = GlobalHydra.instance().config_loader()
    said: dict[str, str] = {}
    for part in loader.compute_defaults_list(command, list(overrides), RunMode.RUN).defaults:
        path, package = part.config_path or "", part.package or ""
        if path.partition("/")[0] == "hydra" or (file := _file(path)) is None:
            continue
        text = read_text(file)
        if package and (header := file_header(text)):
            said[package] = f"{path.rpartition('/')[2]}: {header}"
        prefix = f"{package}." if package else ""
        said |= {prefix + key.key: key.comment for key in file_keys(text) if key.comment}
    return said


def _file(config_path: str) -> Path | None:
    """Return the file of a config, looked for where Hydra does."""
    places = (folder / f"{config_path}.yaml" for folder in (conf_dir(), Path.cwd(), home()))
    return next((place for place in places if place.is_file()), None)


def _keys(node: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[FileKey]:
    for name, value in node.value:
        key = f"{prefix}{name.value}"
        if key == "defaults":  # Hydra's own
            continue
        line = name.start_mark.line
        scalar = isinstance(value, yaml.ScalarNode)
        one_line = not scalar or value.end_mark.line == line
        ends = value.end_mark.column if value.start_mark.line == line and one_line else name.end_mark.column + 1
        behind = re.fullmatch(r"\s*#\s*(.*?)\s*", lines[line][ends:])
        yield FileKey(key, line, one_line, behind[1] if behind else _above(lines, line))
        if isinstance(value, yaml.MappingNode):
            yield from _keys(value, lines, f"{key}.")
        elif not one_line:
            lines[line : value.end_mark.line] = [""] * (value.end_mark.line - line)  # a text may hold a # of its own


def _above(lines: Sequence[str], line: int) -> str:
    """Return the comment lines right above a line."""
    first = line
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return " ".join(text.strip().lstrip("#").strip() for text in lines[first:line])


def _flat(config: DictConfig, prefix: str = "") -> Iterator[tuple[str, str | None]]:
    plain: Any = OmegaConf.to_container(config, resolve=False)
    for name in map(str, config):
        key = f"{prefix}{name}"
        if isinstance(plain[name], dict) and plain[name]:
            yield key, None
            yield from _flat(config[name], f"{key}.")
        else:
            yield key, _as_yaml(plain[name])


def _as_yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")
