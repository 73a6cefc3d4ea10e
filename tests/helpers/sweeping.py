"""Sweeps as a user starts them, with a callback of the user's own that notes epochs and makes some runs fail."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from helpers.program import imported
from helpers.tiny import TINY

# Lies in the folder that the command is started in, as a person's own callback does.
CALLBACK = '''
import os, signal, sys
from pathlib import Path
import pytorch_lightning as pl

class Witness(pl.Callback):
    """Notes each epoch that begins, in a file that only grows; then fails as the seed says."""

    def __init__(self, journal, faults=None):
        self.journal, self.faults = journal, faults or {}

    def on_train_epoch_start(self, trainer, pl_module):
        run = Path(trainer.default_root_dir).name
        with open(self.journal, "a") as stream:
            stream.write(f"{run} {pl_module.epoch} {os.getppid()}\\n")
        match self.faults.get(f"seed{pl_module.schedule.seed}"):
            case "raise":
                raise ValueError("a fault of the test's own")
            case "exit":
                sys.exit("good-bye")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "leave":
                os._exit(0)
'''


def command(folder: Path, name: str, *more: str, seeds: int = 8, faults: dict[str, str] | None = None) -> list[str]:
    """Return the command of a sweep over seeds, each run of which is watched."""
    (folder / "witness.py").write_text(CALLBACK)
    told = ",".join(f"{seed}:{kind}" for seed, kind in (faults or {}).items())
    watched = f"+callbacks.witness={{_target_:witness.Witness,journal:{folder / (name + '.epochs')},faults:{{{told}}}}}"
    chosen = [*TINY, watched, f"seed={','.join(map(str, range(seeds)))}", f"name={name}"]
    return [sys.executable, "-m", "yolograft", "train", "-m", *chosen, *more]


def run(folder: Path, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; it must never wait for an answer."""
    return imported(*arguments[3:], cwd=folder, timeout=500)


def start(folder: Path, arguments: list[str]) -> "subprocess.Popen[str]":
    """Start a command in a process group of its own."""
    log = (folder / f"log{len(list(folder.glob('log*')))}.txt").open("w")
    return subprocess.Popen(
        arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True, start_new_session=True
    )


def epochs(folder: Path, name: str) -> Counter[str]:
    """Return how many epochs of each run have begun."""
    file = folder / f"{name}.epochs"
    return Counter(line.split()[0] for line in file.read_text().splitlines()) if file.exists() else Counter()


def starters(folder: Path, name: str) -> set[str]:
    """Return the processes that the runs' processes were started by."""
    return {line.split()[2] for line in (folder / f"{name}.epochs").read_text().splitlines()}


def records(sweep: Path) -> dict[str, dict[str, Any]]:
    """Return the runs' records by the runs' names."""
    return {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in sweep.glob("*/run.json")}


def logs(folder: Path) -> str:
    """Return what the commands have said, for a failing test to show."""
    return "\n".join(file.read_text()[-3000:] for file in sorted(folder.glob("log*.txt")))


def kill_group(process: "subprocess.Popen[str]", signum: int) -> None:
    """Send a signal to a command and everything that it has started."""
    os.killpg(process.pid, signum)
    process.wait()
