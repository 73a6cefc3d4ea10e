"""`yolograft COMMAND --help`: the groups with their options, and every key with its value."""

import textwrap
from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from omegaconf import OmegaConf

from yolograft.common.parts import PARTS
from yolograft.config import search_path
from yolograft.config.locations import conf_dir


def groups(command: str) -> dict[str, list[str]]:
    """Return the config groups that a command uses and their options; needs an initialized Hydra."""
    loader = GlobalHydra.instance().config_loader()
    ours = sorted(path.name for path in conf_dir().iterdir() if path.is_dir() and path.name != "hydra")
    used = {
        "train": None,
        "info": {*PARTS, "scale"},
        "val": {"dataset"},
        "report": set(),
        "dashboard": set(),
        "data": {"dataset"},
        "sweeps": set(),
    }
    wanted = used.get(command)
    found = {g: loader.get_group_options(g) for g in ours if wanted is None or g in wanted}
    if command == "train":
        found["experiments"] = loader.get_group_options("experiments", ObjectType.CONFIG)
    return found


def command_help(command: str, overrides: Sequence[str]) -> str:
    """Return the help text of a command, with the config that the overrides given beside `--help` make."""
    search_path.register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name=command):
        options = groups(command)
        try:
            config = OmegaConf.to_yaml(compose(command, [word for word in overrides if "," not in word]))
        except HydraException:  # a slip beside --help: it is the help that was asked for
            config = OmegaConf.to_yaml(compose(command))
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
    lines += ["Keys and their values now (optim.lr0=0.02):", "", textwrap.indent(config, "  ")]
    if command == "train":
        lines += [
            "One run for each of several values:  yolograft train -m backbone=yolo11,effv1 neck=conv,gsconv",
            "A whole experiment:                  yolograft train experiments=smoke",
            "A run again, or from its settings:   yolograft train from=RUN_FOLDER epochs=50",
        ]
    if command == "data":
        lines += [
            "Writes <out>/<data set>/data.html. Exit code 1 if results would be falsified, unless dataset.check=warn."
        ]
    return "\n".join(lines)
