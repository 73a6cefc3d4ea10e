"""A search of real trainings: killed, with a crash and a NaN among them, and repeated until it is done."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.tiny import TINY, record

TROUBLE = """
import os, pytorch_lightning as pl

class Trouble(pl.Callback):
    def __init__(self, *, kind=""):
        self.kind = kind

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        if self.kind == "crash":
            os._exit(7)
        if self.kind == "diverge":
            for parameter in module.parameters():
                parameter.data.fill_(float("nan"))
"""


def told(sweep: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((sweep / "optuna.json").read_text(encoding="utf-8"))
    return content


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_twelve_trials_for_two_objectives_killed_after_five_and_repeated_are_twelve(tmp_path: Path) -> None:
    (tmp_path / "trouble.py").write_text(TROUBLE)
    sweep = tmp_path / "multirun" / "s"
    line = [
        *(sys.executable, "-m", "yolograft", "train", "-m", *TINY, "epochs=1", "name=s", "attempts=1"),
        *("hydra/sweeper=optuna", "hydra.sweeper.n_trials=12", "hydra.sweeper.objectives=[mAP50-95,params]"),
        *("neck=conv,gsconv", "+callbacks.trouble._target_=trouble.Trouble"),
        "+callbacks.trouble.kind=a,b,c,d,crash,diverge",  # with two necks, twelve combinations
    ]
    ended: dict[str, str] = {}
    with subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        deadline = time.monotonic() + 300
        while sum((told(sweep) if (sweep / "optuna.json").exists() else {"trials": {}})["trials"].values()) < 6:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    for file in sweep.glob("*/run.json"):
        if record(file.parent)["status"] in ("finished", "failed"):
            ended[file.parent.name] = record(file.parent)["finished"]
    assert len(ended) >= 5

    done = subprocess.run(
        line, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600, check=False
    )
    assert done.returncode == 1, done.stderr  # some have failed
    runs = {file.parent.name: record(file.parent) for file in sweep.glob("*/run.json")}
    assert len(runs) == 12
    assert {name: runs[name]["finished"] for name in ended} == ended  # none was trained again
    bad = {name for name in runs if "crash" in name or "diverge" in name}
    assert {name for name, run in runs.items() if run["status"] == "failed"} == bad
    assert len(bad) == 4
    found = told(sweep)
    assert found["trials"] == {"finished": 8, "failed": 4, "pruned": 0, "running": 0}
    values = {
        name: (run["metrics"]["mAP50-95"], run["params"]) for name, run in runs.items() if run["status"] == "finished"
    }
    best = {n for n, v in values.items() if not any(o[0] >= v[0] and o[1] <= v[1] and o != v for o in values.values())}
    assert {trial["run"] for trial in found["best"]} == best
    assert "Pareto set" in done.stdout
    assert all(math.isfinite(trial["values"]["mAP50-95"]) for trial in found["best"])
