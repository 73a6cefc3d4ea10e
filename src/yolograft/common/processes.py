"""Other processes of this machine: which are gone, and what they have left behind.

A process that is killed removes nothing. What outlives it are Python's named semaphores and the folder of the fork
server's socket. So ours carry the number of their process in their names, and whoever starts next removes those of
processes that are gone: of those of this boot and this container alone, since numbers mean nothing elsewhere.
"""

import contextlib
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
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what dead processes left there is removed


@cache
def machine() -> str:
    """Name this machine, its boot, and the space of its process numbers.

    Containers may share a machine's name, and sandboxes that have a kernel of their own that of the number space.
    """
    known = [platform.node()]
    with contextlib.suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(known)


def is_gone(pid: int) -> bool:
    """Whether no process of this machine has a number.

    One that has only got it again counts too: their times cannot tell, since a clock that is set moves them.
    """
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
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


def own_names_of_joblib() -> None:
    """Let what joblib's processes leave be known as ours too: its own names are the same in every container."""
    from joblib.externals.loky.backend.synchronize import SemLock

    config = own.current_process()._config  # type: ignore[attr-defined]
    if config.get("tempdir"):
        os.environ.setdefault("JOBLIB_TEMP_FOLDER", config["tempdir"])
    if hasattr(SemLock, "_make_name"):
        SemLock._make_name = staticmethod(lambda: f"{config['semprefix']}-{next(SemLock._rand)}")


def remove_leftovers() -> None:
    """Remove what processes of ours have left that were killed: of this user, machine, boot and container."""
    named = rf"{_mark()}-(\d+)-\w+"
    for folder in Path(tempfile.gettempdir()).glob(f"yolograft-{_mark()}-*"):
        if _abandoned(folder, rf"yolograft-{named}"):
            shutil.rmtree(folder, ignore_errors=True)
    for semaphore in _SHARED_MEMORY.glob(f"sem.yg{_mark()}-*"):
        if _abandoned(semaphore, rf"sem\.yg{named}"):
            _remove(semaphore)


def _mark() -> str:
    return hashlib.sha256(machine().encode()).hexdigest()[:8]


def _abandoned(path: Path, pattern: str) -> bool:
    """Whether something is this user's, and the process is gone that has left it."""
    match = re.fullmatch(pattern, path.name)
    try:
        told = path.lstat()
    except OSError:
        return False
    if match is None or (hasattr(os, "getuid") and told.st_uid != os.getuid()):
        return False
    return is_gone(int(match[1]))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as problem:
        log.debug("%s: %s", path, problem)
