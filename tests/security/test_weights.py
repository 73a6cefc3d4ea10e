"""Files of weights made by an enemy: nothing that they name is run, and none fills memory or takes for ever."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.described_attacks import descriptions
from helpers.pickled_attacks import MARK, Attack, pickles, specials
from helpers.program import Program
from helpers.tiny import TINY

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits of memory and special files are POSIX's")


def exports() -> dict[str, Attack]:
    """Return pickles that bear the suffixes of exported models, which `YOLO` would hand to their runtimes."""

    make = pickles()["os_system"][0]

    def named(suffix: str) -> Callable[[Path], Path]:
        def made(folder: Path) -> Path:
            (folder / suffix).mkdir()
            return make(folder / suffix).rename(folder / f"exported{suffix}")

        return made

    suffixes = (".onnx", ".engine", ".torchscript", ".safetensors", ".mlpackage")
    return {suffix: (named(suffix), "^refused.*not saved by YOLOGraft") for suffix in suffixes}


#: Seconds that opening one file may take on a busy machine.
PATIENCE = 60

KINDS = {
    "weights": {**pickles(), **specials()},
    # The unpickler is that of "weights", which meets all of them.
    "load": {**{name: (make, "^refused") for name, (make, _) in list(pickles().items())[:10]}, **exports()},
    "run": descriptions(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_attacks(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """All of a kind are opened by one process, one after the other; what it says of each is held against its own."""
    attacks, folder, place = KINDS[kind], tmp_path_factory.mktemp(kind), tmp_path_factory.mktemp("opened")
    files = {str(make(folder)): name for name, (make, _) in attacks.items()}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parents[1] / "helpers" / "opened.py"), kind, *files],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        output, errors = process.communicate(timeout=400)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
    ends = {files[end["file"]]: end for end in map(json.loads, output.splitlines())}
    wrong = {name: problem for name, end in ends.items() if (problem := _problem(end, attacks[name][1]))}
    assert wrong == {}
    hung = [name for name in attacks if name not in ends][:1]
    assert hung == [], f"it did not end, or ended the process: {errors[-500:]}"


def _problem(end: dict[str, Any], expected: str) -> str:
    """Return what is wrong with how an attack ended; empty where it was warded off."""
    if end["new"]:
        return f"it left {end['new']}"
    if end["seconds"] > PATIENCE:
        return f"it took {end['seconds']} s"
    warded = end["end"].startswith(("refused: ", "read: ")) and re.search(expected, end["end"])
    return "" if warded else f"{end['end']} (not: {expected})"


@pytest.mark.parametrize("name", ["os_system", "eval", "exec", "subprocess", "detection_model_text"])
def test_the_attacks_are_real(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read freely, they do what they are refused for."""
    monkeypatch.chdir(tmp_path)
    file = KINDS["weights"][name][0](tmp_path)
    with contextlib.suppress(Exception):
        torch.load(file, weights_only=False)
    for _ in range(100):
        if (tmp_path / MARK).exists():
            return
        time.sleep(0.05)  # what it started is a process
    pytest.fail("it did nothing")


COMMANDS = {
    "train": ["os_system", "detection_model_text", "zip_bomb", "fifo"],
    "val": [
        "data 'yolograft.common.files.os.system'",
        "data 'torch.nn.Conv2d'",
        "repeats_1e9",
        "named_traversal",
    ],
}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        pytest.param(command, name, marks=[] if index < 1 else [pytest.mark.slow])
        for command, names in COMMANDS.items()
        for index, name in enumerate(names)
    ],
)
def test_commands(command: str, name: str, yolograft: Program, tmp_path: Path) -> None:
    """As a person meets them: one line, exit 2, nothing left behind."""
    make, expected = KINDS["weights" if command == "train" else "run"][name]
    (tmp_path / "files").mkdir()
    file = make(tmp_path / "files")
    arguments = [f"run={file}"] if command == "val" else [f"weights={file}", *TINY]
    done = yolograft(command, *arguments, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(expected, done.stderr.strip().splitlines()[-1])
    assert str(file) in done.stderr.strip().splitlines()[-1]
    assert not list(tmp_path.rglob(MARK))
