"""A sweep on a cluster, as a person sees it: its command, what it says, what it leaves on disk."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from helpers.tiny import TINY, record


def _plain(line: str) -> str:
    """Without colours, process numbers and the endings of lines."""
    return re.sub(r"\x1b\[[0-9;]*m|\((_job )?pid=\d+\)", "", line).strip()


class Transcript:
    """What was done and seen, without the names of this machine."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, *lines: str) -> None:
        self.text += "\n".join(lines) + "\n"
        sys.stdout.write("\n".join(lines) + "\n")


class Sweep:
    """One command, which may be repeated; and what it has left on disk."""

    def __init__(self, folder: Path, arguments: Sequence[str], env: Mapping[str, str], say: Transcript) -> None:
        self.arguments = ["train", "-m", *TINY, "name=sweep", *arguments]
        self.folder, self.env, self.say = folder, {**os.environ, **env}, say
        self.runs = folder / "multirun" / "sweep"

    def start(self) -> subprocess.Popen[str]:
        shown = [word for word in self.arguments if word not in TINY]
        self.say(f"$ yolograft {' '.join(shown)}")
        return subprocess.Popen(
            [sys.executable, "-m", "yolograft", *self.arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait(self, process: subprocess.Popen[str], timeout: float = 240) -> int:
        try:
            said, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            raise AssertionError(f"the command did not end within {timeout} s: {said}") from None
        self.say(*(f"  {_plain(line)}" for line in said.splitlines() if self._matters(line)))
        self.say(f"  exit {process.returncode}; " + "; ".join(self._state(told) for told in self.records()), "")
        return process.returncode

    def records(self) -> list[dict[str, Any]]:
        found = [record(file.parent) for file in self.runs.glob("*/run.json")]
        return sorted(found, key=lambda told: told["seed"])

    def run_folder(self, seed: int) -> Path:
        (folder,) = self.runs.glob(f"*seed{seed}-*")
        return folder

    def until_each_has_begun(self, runs: int = 2, timeout: float = 120) -> None:
        """Wait until so many runs have an epoch behind them."""
        deadline = time.monotonic() + timeout
        while sum(told["epochs_done"] > 1 for told in self.records()) < runs:
            assert time.monotonic() < deadline, self.records()
            time.sleep(0.2)

    def worker(self, seed: int) -> psutil.Process:
        """The process that the launcher has started for a run; the training is its grandchild."""
        pid = json.loads((self.run_folder(seed) / "run.lock").read_text())["pid"]
        return psutil.Process(pid).parents()[1]

    def epochs(self, seed: int) -> list[int]:
        rows = (self.run_folder(seed) / "metrics.csv").read_text().splitlines()
        column = rows[0].split(",").index("epoch")
        return [int(row.split(",")[column]) for row in rows[1:]]

    @staticmethod
    def _matters(line: str) -> bool:
        shown = ("Slurm", "Ray:", "left to do", "seed0-", "seed1-", "yolo11 + conv")
        return " INFO " not in line and any(word in line for word in shown)

    @staticmethod
    def _state(told: dict[str, Any]) -> str:
        return f"seed {told['seed']}: {told['status']} after {told['epochs_done']} epochs, failed {told['attempts']}x"
