"""Where Hydra looks besides `conf/`: the person's own folder and the experiments that come with yolograft."""

from pathlib import Path, PurePosixPath

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from yolograft.config.locations import conf_dir, home


class GroupsSource(FileConfigSource):
    """A folder of which Hydra sees our groups only: a folder `runs` or `cache` beside them must not hide a key."""

    @staticmethod
    def scheme() -> str:
        """Return what its search path entries start with."""
        return "groups"

    def is_group(self, config_path: str) -> bool:
        """Whether a path is one of our groups, and there."""
        return self._ours(config_path) and super().is_group(config_path)

    def is_config(self, config_path: str) -> bool:
        """Whether a path is an option of one of our groups, and there."""
        return self._ours(config_path) and super().is_config(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List the options of a group."""
        return super().list(config_path, results_filter) if self._ours(config_path) else []

    def available(self) -> bool:
        """Whether the folder exists."""
        return Path(self.path).is_dir()

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
