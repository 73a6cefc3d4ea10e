"""Where Hydra looks besides `conf/`: the person's own folder and the experiments that come with yolograft."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from yolograft.config.locations import home


class YolograftSearchPath(SearchPathPlugin):
    """Finds `experiments/NAME.yaml`, and groups such as `backbone/NAME.yaml`, in the working folder."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the working folder, then the folder of our own experiments."""
        for folder in dict.fromkeys((Path.cwd(), home())):
            search_path.append(provider="yolograft", path=f"file://{folder.as_posix()}")


def register() -> None:
    """Make the search path known to Hydra; calling it again changes nothing."""
    Plugins.instance().register(YolograftSearchPath)
