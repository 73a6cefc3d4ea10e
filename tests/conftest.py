"""One cache folder for the whole test run, away from the user's own."""

import os
import shutil
import tempfile
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from helpers.program import Program, imported

# Before anything of yolograft or ultralytics is imported: both read it then. Workers of xdist get the first folder.
_SHARED = "YOLOGRAFT_TESTS_CACHE"
_OWN = _SHARED not in os.environ
if _OWN:
    os.environ[_SHARED] = tempfile.mkdtemp(prefix="yolograft-tests-")
os.environ["YOLOGRAFT_CACHE"] = os.environ[_SHARED]
os.environ.setdefault("OMP_NUM_THREADS", "1")
imported.begin()


def pytest_sessionfinish() -> None:
    """Leave no process and no cache behind; workers of xdist have ended by then."""
    imported.end()
    if _OWN:
        shutil.rmtree(os.environ[_SHARED], ignore_errors=True)


@pytest.fixture
def yolograft(tmp_path: Path) -> Program:
    """Run the program in an empty folder, as a user does; it must never wait for an answer."""

    def run(*arguments: str, cwd: Path = tmp_path, timeout: float = 300, **env: str) -> CompletedProcess[str]:
        return imported(*arguments, cwd=cwd, timeout=timeout, **env)

    return run
