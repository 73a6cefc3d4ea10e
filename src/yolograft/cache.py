"""Where things are kept that can be made again: generated data, label caches, downloads."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_dir() -> Path:
    """Return YOLOGraft's cache folder: `$YOLOGRAFT_CACHE`, or the platform's own place for caches."""
    configured = os.environ.get("YOLOGRAFT_CACHE")
    return Path(configured).expanduser().absolute() if configured else user_cache_path("yolograft", appauthor=False)
