"""Other processes of this machine: which are gone, and what they have left behind.

A process that is killed removes nothing. What outlives it are Python's named semaphores and the folder of the fork
server's socket. So ours carry the number of their process in their names, and whoever starts next removes those of
processes that are gone.
"""

import hashlib
import logging
import multiprocessing
import os
import platform
import re
import shutil
import tempfile
from functools import cache, partial
from multiprocessing import process as own
from multiprocessing import util
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

_LONGEST_SOCKET = 100
"""Characters that the path of a Unix socket may have, a few less than the systems allow."""
_SOCKET = "/listener-12345678"
_SHARED_MEMORY = Path("/dev/shm")


@cache
def machine() -> str:
    """Name this machine, and the space of its process numbers: containers may share a machine's name."""
    try:
        return f"{platform.node()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def is_gone(pid: int, used: float) -> bool:
    """Whether a process of this machine is gone that has used something.

    Args:
        pid: Its number.
        used: When, in seconds since 1970: a process that was started later has only got the number again.
    """
    try:
        found = psutil.Process(pid)
        return found.status() == psutil.STATUS_ZOMBIE or found.create_time() > used + 2
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def own_names() -> None:
    """Let what this process and its children leave, should they be killed, be known as theirs; once is enough.

    Python has no setting for it: these are the two that `multiprocessing` keeps for itself and hands to children.
    """
    config: dict[str, object] = own.current_process()._config  # type: ignore[attr-defined]
    if config.get("semprefix") != "/mp" or "forkserver" not in multiprocessing.get_all_start_methods():
        return
    config["semprefix"] = f"/yg{_mark()}-{os.getpid()}"
    prefix = f"yolograft-{_mark()}-{os.getpid()}-"
    if config.get("tempdir") or len(f"{tempfile.gettempdir()}/{prefix}12345678{_SOCKET}") > _LONGEST_SOCKET:
        return
    folder = config["tempdir"] = tempfile.mkdtemp(prefix=prefix)
    util.Finalize(None, partial(shutil.rmtree, ignore_errors=True), args=(folder,), exitpriority=-100)


def remove_leftovers() -> None:
    """Remove what processes of ours have left that were killed."""
    named = rf"{_mark()}-(\d+)-\w+"
    for folder in Path(tempfile.gettempdir()).glob(f"yolograft-{_mark()}-*"):
        if (pid := _abandoned(folder, rf"yolograft-{named}")) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            # joblib names its own after the command that the folder was of.
            for left in _SHARED_MEMORY.glob(f"sem.loky-{pid}-*"):
                _remove(left)
            for place in (_SHARED_MEMORY, folder.parent):
                for left in place.glob(f"joblib_memmapping_folder_{pid}_*"):
                    shutil.rmtree(left, ignore_errors=True)
    for semaphore in _SHARED_MEMORY.glob(f"sem.yg{_mark()}-*"):
        if _abandoned(semaphore, rf"sem\.yg{named}") is not None:
            _remove(semaphore)


def _mark() -> str:
    return hashlib.sha256(machine().encode()).hexdigest()[:4]


def _abandoned(path: Path, pattern: str) -> int | None:
    """Return the process that has left something of this user's, or None where it may still be in use."""
    match = re.fullmatch(pattern, path.name)
    try:
        told = path.lstat()
    except OSError:
        return None
    if match is None or (hasattr(os, "getuid") and told.st_uid != os.getuid()):
        return None
    return int(match[1]) if is_gone(int(match[1]), told.st_mtime) else None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as problem:
        log.debug("%s: %s", path, problem)
