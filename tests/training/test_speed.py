"""Images per second and the time left count what this start has trained, also after one that ended within an epoch."""

import re
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from yolograft.training.callbacks import console, journal
from yolograft.training.module import DetectionTraining
from yolograft.training.stopping import StoppedError


@pytest.mark.parametrize(
    ("stopped_in", "said"),
    [
        ("training_step", {"1/3": ("2.0", "12s"), "2/3": ("2.0", "6s"), "3/3": ("2.0", "0s")}),
        ("validation_step", {"1/3": ("2.0", "12s"), "2/3": ("-", "-"), "3/3": ("2.0", "0s")}),
    ],
)
def test_batches_of_an_earlier_start_count_for_nothing(
    run: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stopped_in: str, said: dict
) -> None:
    """Twelve images in batches of four, two seconds each."""
    now, asked = [0.0], list[bool]()
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(console, "time", clock)
    monkeypatch.setattr(journal, "time", clock)
    step, to_input = getattr(DetectionTraining, stopped_in), DetectionTraining.to_input

    def two_seconds(self: DetectionTraining, batch: dict[str, Any], size: int | None = None) -> dict[str, Any]:
        now[0] += 2.0
        return to_input(self, batch, size)

    def interrupted(self, batch, index):
        if self.epoch == 1 and not asked and index == (1 if stopped_in == "training_step" else 0):
            asked.append(True)
            signal.raise_signal(signal.SIGTERM)
        return step(self, batch, index)

    monkeypatch.setattr(DetectionTraining, "to_input", two_seconds)
    monkeypatch.setattr(DetectionTraining, stopped_in, interrupted)
    with caplog.at_level("INFO"):
        with pytest.raises(StoppedError):
            run("epochs=3")
        result, _ = run("epochs=3")
    assert f"Going on after 1 of 3 epochs and {2 if stopped_in == 'training_step' else 3} batches." in caplog.text
    lines = [line.split() for line in caplog.messages if re.match(r" +\d/3 ", line)]
    assert {line[0]: (line[-2], line[-1]) for line in lines} == said
    assert result["images_per_second"] == 2.0
