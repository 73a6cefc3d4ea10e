"""Where things are kept that can be made again: generated data, label caches, downloads."""

import os
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from platformdirs import user_cache_path

from yolograft.common.files import user_path


def cache_dir() -> Path:
    """Return YOLOGraft's cache folder: `$YOLOGRAFT_CACHE`, or the platform's own place for caches.

    Where that cannot be written to (no home, a read-only disk), a folder among the temporary files; said once.
    """
    return _usable(os.environ.get("YOLOGRAFT_CACHE"))


@lru_cache
def _usable(configured: str | None) -> Path:
    wanted = user_path(configured).absolute() if configured else user_cache_path("yolograft", appauthor=False)
    try:
        _refuse_unwritable(wanted)
    except OSError as error:
        instead = _temporary()
        reason = (error.strerror or "cannot be written to").lower()
        sys.stderr.write(
            f"yolograft: cache folder {wanted}: {reason}; using {instead}; set YOLOGRAFT_CACHE to a folder of yours\n"
        )
        os.environ["YOLOGRAFT_CACHE"] = str(instead)  # processes that we start go there without a word
        os.environ.setdefault("MPLCONFIGDIR", str(instead / "matplotlib"))  # matplotlib's lies in the same home
        return instead
    return wanted


def _refuse_unwritable(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _temporary() -> Path:
    """Return a folder of this user's own, the same at each start; one that another user made is passed over."""
    user = os.getuid() if hasattr(os, "getuid") else ""
    folder = Path(tempfile.gettempdir()) / f"yolograft-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        if folder.is_symlink() or (user != "" and (state.st_uid != user or state.st_mode & 0o022)):
            raise PermissionError
        _refuse_unwritable(folder)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="yolograft-"))
    return folder
