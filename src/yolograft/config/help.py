"""`yolograft COMMAND --help`: the groups with their options, and every key with its value."""

import textwrap
from collections.abc import Mapping, Sequence

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from yolograft.config.comments import file_keys, key_comments
from yolograft.config.search_path import initialized

_EXPERIMENTS = "experiments"
_COLUMN = 30
"""Where comments begin, unless the value is longer."""
_WIDTH = 118
"""Characters of a line, at most."""


def groups(config: DictConfig) -> dict[str, list[str]]:
    """Return the config groups that a command uses, with their options; needs an initialized Hydra.

    Args:
        config: The command's composed config, with Hydra's own key.
    """
    loader = GlobalHydra.instance().config_loader()
    chosen = (key for key in config.hydra.runtime.choices if "/" not in key)
    return {group: loader.get_group_options(group) for group in sorted(chosen, key=lambda g: (g == _EXPERIMENTS, g))}


def command_help(command: str, overrides: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Return the help text of a command.

    Args:
        command: Its name.
        overrides: Those given beside `--help`: the values shown are what they make.
        notes: Lines at its end.
    """
    with initialized(command):
        given = [word for word in overrides if "," not in word]
        try:
            config = compose(command, given, return_hydra_config=True)
        except HydraException:  # a mistake beside --help: show the help without it
            given = []
            config = compose(command, return_hydra_config=True)
        options = groups(config)
        shown = _commented(OmegaConf.to_yaml(without_hydra(config)), key_comments(command, given))
    lines = [f"yolograft {command} [GROUP=OPTION …] [KEY=VALUE …]", ""]
    if options:
        width = max(map(len, options))
        lines += ["Groups and their options (backbone=effv1):", ""]
        indent = " " * (width + 4)
        lines += [
            textwrap.fill(
                ", ".join(found),
                110,
                initial_indent=f"  {group:<{width}}  ",
                subsequent_indent=indent,
                break_on_hyphens=False,
            )
            for group, found in options.items()
        ]
        lines.append("")
    lines += ["Keys and their values now (optim.lr0=0.02):", "", textwrap.indent(shown, "  ")]
    lines += notes
    return "\n".join(lines)


def without_hydra(config: DictConfig) -> DictConfig:
    """Return a composed config without Hydra's own key."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def _commented(text: str, comments: Mapping[str, str]) -> str:
    """Return YAML with comments behind its values; it is still YAML."""
    lines = text.splitlines()
    for key in file_keys(text):
        if comment := comments.get(key.key):
            line = lines[key.line]
            before = f"{line:<{_COLUMN}}  # " if key.one_line else " " * (len(line) - len(line.lstrip())) + "# "
            wrapped = textwrap.wrap(comment, max(_WIDTH - len(before), 40), break_on_hyphens=False)
            following = " " * (len(before) - 2) + "# "
            commented = "\n".join((before if n == 0 else following) + part for n, part in enumerate(wrapped))
            lines[key.line] = commented if key.one_line else f"{commented}\n{line}"
    return "\n".join(lines) + "\n"
