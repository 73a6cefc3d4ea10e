"""The type of the fixture that runs the program."""

import subprocess
from collections.abc import Callable

Program = Callable[..., subprocess.CompletedProcess[str]]
"""Runs `yolograft ARGUMENTS...` and returns how it ended; `cwd=`, `timeout=`, and variables of the environment."""
