"""`plan=true`, `constraint=` and `seeds=`: what a command would do, before it costs anything."""

import json
import os
from pathlib import Path

import pytest

from helpers.program import Program
from helpers.sweeping import records
from helpers.tiny import TINY
from yolograft.cli.command_line import check_command_line
from yolograft.common.text import gflops_text
from yolograft.model.describe import describe


def plan_of(sweep: Path) -> dict:
    return json.loads((sweep / "plan.json").read_text(encoding="utf-8"))


def told_by_info(choices: dict[str, str], imgsz: int) -> dict:
    chosen = [f"{group}={choices[group]}" for group in ("backbone", "context", "neck", "head", "scale")]
    config = check_command_line("info", [*chosen, "nc=4", f"imgsz={imgsz}"]).config
    assert config is not None
    return describe(config)


@pytest.mark.slow
def test_the_grid_of_forty_is_planned_in_seconds_with_infos_numbers(tmp_path: Path, yolograft: Program) -> None:
    before = os.times()
    done = yolograft("train", "experiments=grid", "imgsz=640", "plan=true")
    assert done.returncode == 0, done.stderr
    after = os.times()  # the processor's time: other tests run beside this one
    assert after.children_user + after.children_system - before.children_user - before.children_system < 60
    plan = plan_of(tmp_path / "multirun" / "grid")
    assert len(plan["runs"]) == 40
    for run in plan["runs"]:
        told = told_by_info(run["choices"], 640)
        assert run["variant"]["params"] == told["params"]
        assert float(gflops_text(run["variant"]["gflops"])) == told["gflops"]
        assert f"{told['params']:,}" in done.stdout
    assert "40 of 40 runs to train" in done.stdout
    assert list((tmp_path / "multirun" / "grid").iterdir()) == [tmp_path / "multirun" / "grid" / "plan.json"]


@pytest.mark.slow
def test_a_plan_says_what_is_done_what_is_dropped_and_what_the_rest_costs(tmp_path: Path, yolograft: Program) -> None:
    small = ("train", *TINY, "epochs=1", "seeds=2", "name=some")
    assert yolograft(*small).returncode == 0
    finished = records(tmp_path / "multirun" / "some")
    assert sorted(record["seed"] for record in finished.values()) == [0, 1]

    larger = ("train", "-m", *TINY, "epochs=1", "seeds=2", "name=some", "neck=conv,gsconv", "scale=n,s")
    constraint = "constraint=params<3e6 or neck == 'gsconv'"
    done = yolograft(*larger, constraint, "plan=true")
    assert done.returncode == 0, done.stderr
    plan = plan_of(tmp_path / "multirun" / "some")
    states = {(r["choices"]["neck"], r["choices"]["scale"]): r["state"] for r in plan["runs"]}
    assert states == {
        ("conv", "n"): "finished",
        ("gsconv", "n"): "to do",
        ("gsconv", "s"): "to do",
        ("conv", "s"): "dropped",
    }
    assert plan["estimated_from"] == "Estimated from 2 finished runs, by GFLOPs."
    seconds = {r["choices"]["scale"]: r["seconds"] for r in plan["runs"] if r["state"] == "to do"}
    assert seconds["s"] > seconds["n"] > 0
    assert "4 of 8 runs to train" in done.stdout
    reasons = {r["reason"] for r in plan["runs"] if r["state"] == "dropped"}
    (dropped,) = reasons
    assert dropped.startswith("neck=conv, params=9,4")
    assert records(tmp_path / "multirun" / "some") == finished, "a plan trains nothing"

    done = yolograft("train", "-m", *TINY, "epochs=1", "seeds=1", "name=some", "scale=n,s", "constraint=params<3e6")
    assert done.returncode == 0, done.stderr
    assert "seed0" in done.stderr
    assert "dropped, params=9,4" in done.stderr
    ledger = json.loads((tmp_path / "multirun" / "some" / "sweep.json").read_text())
    assert [entry["reason"][:10] for entry in ledger["dropped"]] == ["params=9,4"]
    assert records(tmp_path / "multirun" / "some") == finished, "seeds=1 asks for the run of seed 0, which is done"


def test_a_single_run_has_a_plan_and_a_constraint_too(tmp_path: Path, yolograft: Program) -> None:
    done = yolograft("train", *TINY, "plan=true")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 runs to train" in done.stdout
    assert list(tmp_path.iterdir()) == []
    done = yolograft("train", *TINY, "constraint=params<1e6")
    assert done.returncode == 2
    assert done.stderr.strip() == "yolograft: constraint=params<1e6: this variant has params=2,590,620"
    assert list(tmp_path.iterdir()) == []


def test_seeds_are_the_seeds_from_zero_on() -> None:
    counted = check_command_line("train", ["seeds=3", "neck=conv,gsconv", "name=x"])
    listed = check_command_line("train", ["-m", "seed=0,1,2", "neck=conv,gsconv", "name=x"])
    assert counted.request is not None
    assert counted.request.sweep is not None
    assert [job.config["seed"] for job in counted.jobs] == [0, 1, 2, 0, 1, 2]
    assert {job.folder for job in counted.jobs} == {job.folder for job in listed.jobs}
    assert [job.identity for job in counted.jobs] == sorted(
        (job.identity for job in listed.jobs), key=[job.identity for job in counted.jobs].index
    )


def test_how_a_sweep_is_done_changes_no_run() -> None:
    (plain,) = check_command_line("train", ["-m", "seed=0", "name=x"]).jobs
    more = ["attempts=0", "isolate=false", "constraint=params<3e6", "plan=true", "seeds=1"]
    (with_all,) = check_command_line("train", [*more, "name=x"]).jobs
    assert (with_all.identity, with_all.folder) == (plain.identity, plain.folder)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("seeds=3", "seed=0,1"), "seeds=3 seed=0,1: say either"),
        (("seeds=3", "seed=5"), "seeds=3 seed=5: say either"),
        (("seeds=0",), "seeds=0"),
        (("-m", "seeds=two"), "seeds=two: must be a number"),
        (("constraint=parms<3",), "did you mean params?"),
        (("constraint=params<",), "cannot be read"),
        (("plan=maybe",), "plan=maybe"),
        (("attempts=-1",), "attempts=-1"),
    ],
)
def test_mistakes_are_refused_in_one_line(arguments: tuple[str, ...], said: str, yolograft: Program) -> None:
    done = yolograft("train", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert said in done.stderr


def test_a_public_data_set_is_not_fetched_for_a_plan(tmp_path: Path, yolograft: Program) -> None:
    done = yolograft("train", "dataset=voc", f"dataset.root={tmp_path / 'data'}", "plan=true", "imgsz=64")
    assert done.returncode == 0, done.stderr
    assert "time unknown" in done.stdout
    assert not (tmp_path / "data").exists()
