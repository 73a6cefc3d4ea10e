"""Two sweeps and a search in one process, one after the other: each as if it were alone."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from helpers.tiny import TINY
from yolograft.cli.command_line import check_command_line
from yolograft.common.errors import UserError
from yolograft.sweep.command import run_command
from yolograft.sweep.result import Result
from yolograft.training.stopping import asked

COMMANDS = (
    ("-m", *TINY, "epochs=1", "seed=1", "neck=gsconv", "name=together", "isolate=false", "hydra.verbose=true"),
    ("-m", *TINY, "epochs=1", "seed=0", "name=isolated"),
    (
        *("-m", *TINY, "epochs=1", "seed=range(2,4)", "name=search", "isolate=false", "hydra/sweeper=optuna"),
        *("hydra.sweeper.n_trials=1", "+hydra.job.env_set.SET_FOR_THE_RUN=1"),
    ),
)


def command(*words: str) -> Result:
    """Do what `yolograft train` does, within this process."""
    line = check_command_line("train", words)
    assert line.request is not None
    return run_command(line.request)


def state() -> dict[str, object]:
    """What a command could leave behind in its process."""
    root = logging.getLogger()
    return {
        "handlers": list(root.handlers),
        "level": root.level,
        **{f"${key}": value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"},
        "arguments": list(sys.argv),
        "folder": Path.cwd(),
        "hydra": GlobalHydra.instance().is_initialized() or HydraConfig.initialized(),
        "asked to stop": asked(),
    }


def differences(before: dict[str, object], after: dict[str, object]) -> dict[str, tuple[object, object]]:
    return {key: (before.get(key), after.get(key)) for key in {**before, **after} if before.get(key) != after.get(key)}


def files(folder: Path, *, name: str) -> dict[str, bytes]:
    """The files of a name below a folder, without what says when and how fast."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob(name))}


@pytest.mark.slow
def test_two_sweeps_and_a_search_are_as_in_processes_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    alone.mkdir()
    together.mkdir()
    program = [sys.executable, "-m", "yolograft", "train"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen([*program, *words], cwd=alone, **quiet) for words in COMMANDS]  # type: ignore[call-overload]

    monkeypatch.chdir(together)
    command("-m", *TINY, "epochs=1", "name=first", "isolate=false", "activation=mish")  # and libraries set variables
    before = state()
    for words in COMMANDS:
        result = command(*words)
        assert result.failures == []
        assert [record.status for record in result.records] == ["finished"]
        assert differences(before, state()) == {}
    with pytest.raises(UserError, match="nowhere"):
        command("-m", *TINY, "seed=0,1", "weights=./nowhere.pt")
    assert differences(before, state()) == {}

    assert [process.wait(300) for process in processes] == [0, 0, 0]
    for name in ("metrics.csv", "overrides.yaml"):
        made = {path: text for path, text in files(together, name=name).items() if "/first/" not in path}
        assert made == files(alone, name=name)
        assert len(files(alone, name=name)) == len(COMMANDS)


def test_what_fails_in_a_run_is_in_the_result_and_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = command(*TINY, "freeze=[neck.nothing]")
    (failure,) = result.failures
    assert "neck.nothing" in failure.reason
    assert result.exit_code == 2
    assert result.folder is None
