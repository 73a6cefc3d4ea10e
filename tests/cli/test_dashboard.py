"""`yolograft dashboard`: what it describes, and that it is saved."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from helpers.standin_wandb import KEY, StandIn


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep's folder with two backbones, of which one has an option of its own."""
    folder = tmp_path / "multirun" / "mine"
    for name, overrides in {"yolo11": [], "effv1": ["backbone.variant=b1"]}.items():
        run = folder / name
        run.mkdir(parents=True)
        choices = {"backbone": name, "neck": "conv"}
        record = {"status": "finished", "name": name, "choices": choices, "overrides": overrides, "seed": 0}
        (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def panels(node: Any) -> list[dict[str, Any]]:
    """Return every panel of a specification."""
    if isinstance(node, dict):
        found = [node] if "viewType" in node else []
        return found + [panel for value in node.values() for panel in panels(value)]
    return [panel for value in node for panel in panels(value)] if isinstance(node, list) else []


def groupings(node: Any) -> list[list[str]]:
    """Return the keys of every grouping of runs in a specification."""
    if isinstance(node, dict):
        own = [[key["name"] for key in node["grouping"]]] if node.get("grouping") else []
        return own + [found for value in node.values() for found in groupings(value)]
    return [found for value in node for found in groupings(value)] if isinstance(node, list) else []


def check(specification: Any) -> None:
    """Whether a workspace or report shows what it is for."""
    shown = {panel["viewType"]: panel["config"] for panel in panels(specification)}
    assert shown["Run Comparer"] == {"diffOnly": True}
    axes = {column["accessor"] for column in shown["Parallel Coordinates Plot"]["columns"]}
    assert {"config:choices.value.backbone", "summary:params", "summary:mAP50"} <= axes
    assert "config:choices.value.neck" not in axes  # it does not vary
    costs = {p["config"]["xAxis"] for p in panels(specification) if p["viewType"] == "Scatter Plot"}
    assert costs == {"summary:params", "summary:gflops"}
    assert all("choices.value.backbone" in keys for keys in groupings(specification))
    assert groupings(specification)
    text = json.dumps(specification)
    assert '"mine"' in text  # the sweep's runs are shown, no others
    assert '"train"' in text


def test_the_specification_is_written_without_a_server(yolograft: Any, sweep: Path, tmp_path: Path) -> None:
    done = yolograft("dashboard", f"runs={sweep}", "metric=mAP50", "file=spec.json", WANDB_API_KEY="")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "spec.json"
    written = json.loads((tmp_path / "spec.json").read_text(encoding="utf-8"))
    assert set(written) == {"workspace", "report"}
    for part in written.values():
        check(part)


def test_workspace_and_report_are_saved(yolograft: Any, sweep: Path) -> None:
    with StandIn() as standin:
        done = yolograft("dashboard", f"runs={sweep}", "metric=mAP50", **standin.env)
        assert done.returncode == 0, done.stderr
        addresses = done.stdout.split()
        assert len(addresses) == 2
        assert all(address.startswith(standin.url) for address in addresses)
        assert {view["type"] for view in standin.views} == {"project-view", "runs"}
        for view in standin.views:
            check(json.loads(view["spec"]))
            assert (view["entityName"], view["projectName"]) == ("lab", "yolograft")


def test_without_key_or_server_it_says_so_in_one_line(yolograft: Any, sweep: Path) -> None:
    done = yolograft("dashboard", f"runs={sweep}", WANDB_API_KEY="", NETRC=os.devnull)
    assert done.returncode == 2
    assert "no W&B key is set" in done.stderr.strip().splitlines()[-1]
    with StandIn() as standin:
        standin.silent = True
        done = yolograft("dashboard", f"runs={sweep}", **standin.env)
    assert done.returncode == 2
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert KEY not in done.stderr
