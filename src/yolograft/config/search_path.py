"""Where Hydra looks besides `conf/`: the person's own folder and the experiments that come with yolograft."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.core.utils import JobRuntime
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.version import VersionBase
from omegaconf import OmegaConf

from yolograft.config.locations import conf_dir, home

_BEFORE_1_4 = tuple(map(int, hydra.__version__.split(".")[:2])) < (1, 4)
_BASE: dict[str, Any] = {"version_base": "1.3"} if _BEFORE_1_4 else {}
"""Hydra 1.4 behaves so by itself, and warns of the argument."""
_HEADER = 512
"""Characters of a file in which Hydra looks for lines such as `# @package _global_`."""


class GroupsSource(ConfigSource):
    """A folder of which Hydra sees our groups only: a folder `runs` or `cache` beside them must not hide a key."""

    @staticmethod
    def scheme() -> str:
        """Return what its search path entries start with."""
        return "groups"

    def load_config(self, config_path: str) -> ConfigResult:
        """Read an option of a group.

        Raises:
            ConfigLoadError: There is no such file.
        """
        file = self._file(config_path)
        if not file.is_file():
            raise ConfigLoadError(f"Config not found : {file}")
        with file.open(encoding="utf-8") as stream:
            header = ConfigSource._get_header_dict(stream.read(_HEADER))
            stream.seek(0)
            config = OmegaConf.load(stream)
        return ConfigResult(provider=self.provider, path=self.full_path(), config=config, header=header)

    def is_group(self, config_path: str) -> bool:
        """Whether a path is one of our groups, and there."""
        return self._ours(config_path) and os.path.isdir(Path(self.path) / config_path)  # noqa: PTH112 - never raises

    def is_config(self, config_path: str) -> bool:
        """Whether a path is an option of one of our groups, and there."""
        return self._ours(config_path) and os.path.isfile(self._file(config_path))  # noqa: PTH113 - never raises

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List the options of a group."""
        found: list[str] = []
        if not self._ours(config_path):
            return found
        for path in (Path(self.path) / config_path).iterdir():
            self._list_add_result(found, f"{config_path}/{path.name}", path.name, results_filter)
        return sorted(set(found))

    def available(self) -> bool:
        """Whether the folder exists."""
        return Path(self.path).is_dir()

    def _file(self, config_path: str) -> Path:
        return Path(self.path) / self._normalize_file_name(config_path)

    def _ours(self, config_path: str) -> bool:
        first = PurePosixPath(config_path).parts[:1]
        return bool(first) and (first[0] == "experiments" or (conf_dir() / first[0]).is_dir())


class YolograftSearchPath(SearchPathPlugin):
    """Finds `experiments/NAME.yaml`, and groups such as `backbone/NAME.yaml`, in the working folder."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the working folder, then the folder of our own experiments."""
        for folder in dict.fromkeys((Path.cwd(), home())):
            search_path.append(provider="yolograft", path=f"{GroupsSource.scheme()}://{folder.as_posix()}")


def register() -> None:
    """Make the search path known to Hydra; calling it again changes nothing."""
    Plugins.instance().register(GroupsSource)
    Plugins.instance().register(YolograftSearchPath)


@contextmanager
def initialized(command: str) -> Iterator[None]:
    """Let Hydra compose configs inside; afterwards its global state is as before, also within another Hydra app.

    Args:
        command: A name of a `conf/NAME.yaml`, which becomes Hydra's name of the job.
    """
    register()
    outer, base = GlobalHydra.instance().hydra, VersionBase.instance().getbase()
    name = JobRuntime.instance().get("name")
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), job_name=command, **_BASE):
            yield
    finally:
        GlobalHydra.instance().hydra = outer  # on leaving, Hydra has put another instance there
        VersionBase.instance().version_base = base
        JobRuntime.instance().set("name", name)
