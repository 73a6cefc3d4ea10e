"""What commands that answer a question have in common: compose the config, run, print."""

from collections.abc import Sequence
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser

from yolograft.config.locations import conf_dir
from yolograft.config.resolvers import job_config, register
from yolograft.errors import UserError


def config_of(command: str, arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return the resolved config of a command, with the chosen options under `choices`.

    Unlike `train`, such a command leaves no folder of Hydra's behind. Returns None where Hydra has answered by itself
    (`--cfg job`).
    """
    register()
    parsed = get_args_parser().parse_args(list(arguments))
    if parsed.hydra_help or parsed.cfg or parsed.info or parsed.shell_completion:
        _hydra(command, arguments)
        return None
    if parsed.multirun:
        raise UserError(f"-m: only train sweeps; run yolograft {command} once for each")
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name=command):
        config = compose(command, parsed.overrides, return_hydra_config=True)
        choices = {k: v for k, v in config.hydra.runtime.choices.items() if "/" not in k and isinstance(v, str)}
        return {**job_config(config), "choices": choices}


def _hydra(command: str, arguments: Sequence[str]) -> None:
    import sys

    import hydra

    sys.argv = [f"yolograft {command}", *arguments]

    def task(_: Any) -> None:
        """Never runs: Hydra was asked to show something."""

    task.__module__ = f"yolograft.commands.{command}"
    hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=command)(task)()
