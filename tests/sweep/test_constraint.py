"""Which runs of a sweep a constraint keeps; the language is tested in tests/common/test_expression.py."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from yolograft.common.errors import UserError
from yolograft.runs.spec import RunSpec
from yolograft.sweep import measure
from yolograft.sweep.constraint import select

COSTS = {"n": {"params": 2_590_620, "gflops": 6.5}, "s": {"params": 9_458_752, "gflops": 21.7}}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scales of the variants that were built to know what they cost."""
    scales: list[str] = []

    def variant(config: dict[str, Any]) -> SimpleNamespace:
        scales.append(config["scale"])
        return SimpleNamespace(values=COSTS[config["scale"]])

    monkeypatch.setattr(measure, "measurer", lambda: SimpleNamespace(variant=variant))
    return scales


def job(constraint: str | None, scale: str = "n", lr0: float = 0.01) -> RunSpec:
    config = {
        "constraint": constraint,
        "scale": scale,
        "seed": 2,
        "patience": None,
        "optim": {"optimizer": "SGD", "lr0": lr0},
        "backbone": {"_target_": "x", "width": 0.5},
    }
    return RunSpec(config, Path(scale), {"backbone": "yolo11", "scale": scale}, [], "sweep")


def test_variants_beyond_it_are_left_out_with_what_they_have(built: list[str]) -> None:
    jobs = [job("params<3e6 and scale == 'n'", scale) for scale in ("n", "s")]
    kept, dropped = select(jobs)
    assert kept == jobs[:1]
    assert dropped == [(jobs[1], "params=9,458,752, scale=s")]
    assert built == ["n", "s"]


def test_it_knows_choices_and_settings_and_then_builds_nothing(built: list[str]) -> None:
    text = "backbone == 'yolo11' and optim.lr0 < 0.1 and backbone.width == 0.5 and patience == None and seed * 2 == 4"
    kept, dropped = select([job(text), job(text, lr0=0.2)])
    assert [one.config["optim"]["lr0"] for one in kept] == [0.01]
    assert "optim.lr0=0.2" in dropped[0][1]
    assert built == []


def test_runs_without_one_are_kept(built: list[str]) -> None:
    assert select([job(None)]) == ([job(None)], [])
    assert built == []


def test_an_unknown_name_is_refused_with_the_nearest_known_one_before_anything_is_built(built: list[str]) -> None:
    with pytest.raises(UserError, match=r"^constraint=parms < 3: there is no such name; did you mean params\?"):
        select([job("params < 3e6"), job("parms < 3")])
    with pytest.raises(UserError, match=r"did you mean optim\.lr0\?"):
        select([job("lr0 < 3")])
    with pytest.raises(UserError, match=r"mAP50-95 is known only after training"):
        select([job("mAP50-95 > 0.3")])
    assert built == []


@pytest.mark.parametrize("text", ["backbone < 3", "params / 0 > 1"])
def test_what_cannot_be_compared_is_refused(text: str, built: list[str]) -> None:
    with pytest.raises(UserError, match=r"^constraint="):
        select([job(text)])
