"""One cache folder for the whole test run, away from the user's own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from helpers.program import Program

# Before anything of yolograft or ultralytics is imported: both read it then. Workers of xdist share one folder.
_CACHE = Path(tempfile.gettempdir()) / f"yolograft-tests-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
os.environ["YOLOGRAFT_CACHE"] = str(_CACHE)
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def yolograft(tmp_path: Path) -> Program:
    """Run the program in an empty folder, as a user does; it must never wait for an answer."""

    def run(
        *arguments: str, cwd: Path = tmp_path, timeout: float = 300, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "yolograft", *arguments],
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
