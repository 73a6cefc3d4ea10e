"""What commands that answer a question have in common: compose the config, run, print."""

from collections.abc import Sequence
from typing import Any

from hydra import compose, initialize_config_dir

from yolograft.config.locations import conf_dir
from yolograft.runs.resolvers import job_config, register
from yolograft.runs.spec import choices_of


def config_of(command: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the resolved config of a command, with the chosen options under `choices`.

    Unlike `train`, such a command leaves no folder of Hydra's behind.
    """
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name=command):
        config = compose(command, list(overrides), return_hydra_config=True)
        return {**job_config(config), "choices": choices_of(config.hydra)}
