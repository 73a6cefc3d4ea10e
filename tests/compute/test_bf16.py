"""Precision `auto` on a CPU: measured once for a kind of processor, the same for all runs from then on."""

import json
from pathlib import Path

import pytest
import torch

from yolograft.compute import bf16


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bf16, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(bf16, "_has_units", lambda: True)
    return tmp_path / "bf16.json"


@pytest.mark.parametrize(("gain", "pays"), [(1.6, True), (1.1, True), (1.09, False), (0.5, False)])
def test_the_first_measurement_decides_for_all_runs(
    kept: Path, monkeypatch: pytest.MonkeyPatch, gain: float, pays: bool
) -> None:
    monkeypatch.setattr(bf16, "measure_gain", lambda: gain)
    assert bf16.bf16_pays() is pays
    monkeypatch.setattr(bf16, "measure_gain", lambda: 2.0 - gain)
    assert bf16.bf16_pays() is pays
    assert list(json.loads(kept.read_text()).values()) == [gain]


def test_another_processor_is_measured_for_itself(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bf16, "hardware", lambda device: "one")
    monkeypatch.setattr(bf16, "measure_gain", lambda: 1.5)
    assert bf16.bf16_pays()
    monkeypatch.setattr(bf16, "hardware", lambda device: "two")
    monkeypatch.setattr(bf16, "measure_gain", lambda: 1.0)
    assert not bf16.bf16_pays()
    assert sorted(json.loads(kept.read_text()).values()) == [1.0, 1.5]


@pytest.mark.parametrize("damage", ["", "[1]", "{", '{"a": "b"}', '"text"', "null"])
def test_a_damaged_file_is_measured_anew(kept: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    kept.write_text(damage)
    monkeypatch.setattr(bf16, "measure_gain", lambda: 1.5)
    assert bf16.bf16_pays()
    assert list(json.loads(kept.read_text()).values()) == [1.5]


def test_without_units_nothing_is_measured(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bf16, "_has_units", lambda: False)
    assert not bf16.bf16_pays()
    assert not kept.exists()


def test_measuring_leaves_random_state_and_threads_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bf16, "_ROUNDS", 1)
    before = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch.no_grad():
            assert bf16.measure_gain() > 0
        assert torch.get_num_threads() == 2
        assert torch.equal(torch.get_rng_state(), before[0])
    finally:
        torch.set_num_threads(before[1])
