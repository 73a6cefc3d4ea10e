"""The names of folders, as OmegaConf resolvers that Hydra evaluates for each run."""

from typing import Any

import omegaconf
from omegaconf import DictConfig, OmegaConf

from yolograft.runs.identity import data_word, identity, variant_name


def register() -> None:
    """Make `${run_folder:}` and `${sweep_folder:}` known; calling it again changes nothing."""
    before_2_4 = tuple(map(int, omegaconf.__version__.split(".")[:2])) < (2, 4)
    add: Any = OmegaConf.register_new_resolver if before_2_4 else OmegaConf.register_resolver
    add("run_folder", _run_folder, replace=True)
    add("sweep_folder", _sweep_folder, replace=True)


def job_config(root: DictConfig) -> dict[str, Any]:
    """Return a composed config, without Hydra's own key, resolved and as plain containers."""
    plain = {str(key): root._get_node(key) for key in root if key != "hydra"}
    container = OmegaConf.to_container(OmegaConf.create(plain), resolve=True)
    assert isinstance(container, dict)
    return {str(k): v for k, v in container.items()}


def _sweep_folder(*, _root_: DictConfig) -> str:
    """A run in a sweep: the variant, and the identity so that changed settings never meet in one folder."""
    config = job_config(_root_)
    variant = variant_name(_root_.hydra.runtime.choices, config, list(_root_.hydra.overrides.task))
    return f"{variant}-{identity(config)[:6]}"


def _run_folder(*, _root_: DictConfig) -> str:
    """A single run: project/name-identity."""
    config = job_config(_root_)
    choices = _root_.hydra.runtime.choices
    name = config["name"] or variant_name(choices, config, []) + data_word(choices["dataset"], config["dataset"])
    return f"{config['project']}/{name}-{identity(config)[:6]}"
