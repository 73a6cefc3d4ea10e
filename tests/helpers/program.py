"""Runs the program as a user does, without importing torch and Lightning anew for each call."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

Program = Callable[..., subprocess.CompletedProcess[str]]
"""Runs `yolograft ARGUMENTS...` and returns how it ended; `cwd=`, `timeout=`, and variables of the environment."""

_SET = {"PYTEST_CURRENT_TEST", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "YOLOGRAFT_THREADS"}
_SERVE = "from helpers.program import serve; serve()"


def started(*arguments: str, cwd: Path, timeout: float, **env: str) -> subprocess.CompletedProcess[str]:
    """Start the program; it must never wait for an answer."""
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


class Imported:
    """A process that has imported what trainings need. For each call a fork of it becomes the program.

    The imports are most of what a command takes in a test. A call with an environment of its own is started anew:
    some variables are read by the imports.
    """

    def __init__(self) -> None:
        self._environ: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Take the environment of now for that of the imports; the process is started when it is needed."""
        self._environ = _environ()

    def __call__(self, *arguments: str, cwd: Path, timeout: float, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the program."""
        if env or _environ() != self._environ or sys.platform != "linux":
            return started(*arguments, cwd=cwd, timeout=timeout, **env)
        with tempfile.TemporaryDirectory() as folder:
            said, faults = Path(folder, "stdout"), Path(folder, "stderr")
            process = int(self._answer(json.dumps([arguments, str(cwd), str(said), str(faults)])))
            try:
                code = int(self._answer(timeout=timeout))
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                self._answer()
                raise subprocess.TimeoutExpired(arguments, timeout) from None
            return subprocess.CompletedProcess(
                arguments, code, said.read_text(encoding="utf-8"), faults.read_text(encoding="utf-8")
            )

    def _answer(self, request: str = "", timeout: float | None = None) -> str:
        if self._process is None:
            python = [sys.executable, "-c", _SERVE]
            path = {"PYTHONPATH": str(Path(__file__).parents[1])}
            self._process = subprocess.Popen(
                python, env={**os.environ, **path}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if request:
            print(request, file=self._process.stdin, flush=True)
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            raise TimeoutError
        return self._process.stdout.readline()

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()


def _environ() -> dict[str, str]:
    """Return the variables, without those that pytest and an import of yolograft set."""
    return {key: value for key, value in os.environ.items() if key not in _SET}


imported = Imported()
"""For all tests of a worker."""


def serve() -> None:
    """Be that process: fork for each line of standard input, and say the fork's number and then how it has ended."""
    import yolograft.cli.training_request
    import yolograft.sweep.fork_server  # noqa: F401 - what trainings need
    from yolograft.cli.main import main

    requests, answers = os.dup(0), os.dup(1)
    with open(requests, closefd=False) as lines:
        for line in lines:
            arguments, folder, *outputs = json.loads(line)
            if not (process := os.fork()):
                break
            os.write(answers, f"{process}\n".encode())
            os.write(answers, f"{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n".encode())
        else:
            return
    os.close(requests)
    os.close(answers)
    for standard, file in enumerate((os.devnull, *outputs)):
        end = os.open(file, os.O_RDWR | os.O_CREAT)
        os.dup2(end, standard)
        os.close(end)
    os.chdir(folder)
    del os.environ["PYTHONPATH"]
    sys.path[:] = [path for path in sys.path if path != str(Path(__file__).parents[1])]
    sys.argv = ["yolograft", *arguments]
    sys.exit(main())
