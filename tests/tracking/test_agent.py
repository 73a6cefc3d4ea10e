"""An agent of a W&B sweep that proposes values already trained: its W&B run gets the results of the finished run."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.standin_wandb import StandIn
from helpers.tiny import TINY, record
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.tracking.agent import tell_agent

RECORD: dict[str, Any] = {
    "status": "finished",
    "choices": {"backbone": "effv1", "neck": "gsconv", "scale": "n", "logger": "wandb"},
    "overrides": ["backbone=effv1", "neck=gsconv"],
    "best_epoch": 7,
    "epochs_done": 10,
    "params": 10,
    "gflops": 0.1,
    "metrics": {"mAP50-95": 0.4, "mAP50": 0.6, "precision": 0.7, "recall": 0.5, "per_class": {}},
}
LOGGER: dict[str, Any] = {
    "kind": "wandb",
    "project": "lab",
    "entity": None,
    "mode": "auto",
    "tags": [],
    "pictures": 1,
    "weights": False,
}
CONFIG = {"seed": 0, "backbone": {"variant": "b0"}, "scale": {"name": "n"}, "optim": {"lr0": 0.01}, "logger": LOGGER}


def agents(server: StandIn, folder: Path, run: str) -> dict[str, str]:
    """Return what an agent of wandb 0.31 gives the process that it starts, beside the key (wandb_agent.py)."""
    proposed = folder / "wandb" / "sweep-s1" / f"config-{run}.yaml"
    proposed.parent.mkdir(parents=True, exist_ok=True)
    proposed.write_text(yaml.safe_dump({"wandb_version": 1, "optim.lr0": {"value": 0.01}}), encoding="utf-8")
    return {**server.env, "WANDB_SWEEP_ID": "s1", "WANDB_RUN_ID": run, "WANDB_SWEEP_PARAM_PATH": str(proposed)}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A W&B server that knows no run yet."""
    import wandb

    wandb.teardown()
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    with StandIn() as standin:
        yield standin
        wandb.teardown()


def spec(folder: Path, config: dict[str, Any]) -> RunSpec:
    return RunSpec(config, folder, RECORD["choices"], RECORD["overrides"], "grid")


def test_the_agents_own_run_gets_the_metrics_and_the_end(
    server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in agents(server, tmp_path, "agents1").items():
        monkeypatch.setenv(name, value)
    tell_agent(spec(tmp_path, CONFIG), RunRecord.from_json(RECORD))
    assert list(server.runs) == ["agents1"]
    told = server.runs["agents1"]
    assert told["displayName"].endswith(" (finished already)")
    assert told["displayName"].startswith("effv1")
    assert told["sweep"] == "s1"
    (row,) = server.history["agents1"]
    found = {"metrics/mAP50-95": 0.4, "metrics/mAP50": 0.6, "metrics/precision": 0.7, "metrics/recall": 0.5}
    assert (found | {"epoch": 7}).items() <= row.items()
    assert {"mAP50-95": 0.4, "params": 10, "status": "finished"}.items() <= server.summary["agents1"].items()
    assert server.summary["agents1"]["metrics/mAP50-95"] == {"max": 0.4}
    assert server.exit_codes == {"agents1": 0}


@pytest.mark.parametrize("logger", [LOGGER, {**LOGGER, "kind": "csv"}])
def test_without_an_agent_or_without_wandb_nobody_is_told(
    server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logger: dict[str, Any]
) -> None:
    given = agents(server, tmp_path, "agents1") if logger["kind"] == "csv" else server.env
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    tell_agent(spec(tmp_path, {**CONFIG, "logger": logger}), RunRecord.from_json(RECORD))
    assert server.operations == []


@pytest.mark.slow
def test_values_proposed_twice_are_trained_once_and_known_to_both_runs(
    yolograft: Any, server: StandIn, tmp_path: Path
) -> None:
    command = ("train", *TINY, "logger=wandb")
    first = yolograft(*command, **agents(server, tmp_path, "agents1"))
    (run,) = (tmp_path / "runs").iterdir()
    trained = (run / "run.json").read_bytes()
    again = yolograft(*command, **agents(server, tmp_path, "agents2"))
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "is finished already" in again.stderr
    assert (run / "run.json").read_bytes() == trained
    assert record(run)["loggers"]["wandb"]["id"] == "agents1"  # the run that has the curves
    reached = json.loads(trained)["metrics"]["mAP50-95"]
    assert [server.summary[name]["mAP50-95"] for name in ("agents1", "agents2")] == pytest.approx([reached] * 2)
    assert server.summary["agents2"]["metrics/mAP50-95"] == {"max": pytest.approx(reached)}
    assert server.exit_codes == {"agents1": 0, "agents2": 0}
